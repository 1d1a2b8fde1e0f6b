/// The credentials part of a Docker `config.json`.
///
/// An entry that cannot be used is left out and reported in ``problems``; it does not spoil the others. Neither
/// description nor dump shows a secret.
public struct DockerConfig: Sendable, CustomStringConvertible, CustomReflectable {
    /// What could not be used, and why; without secrets.
    public internal(set) var problems: [String] = []

    /// The entries of `auths` that can be read, in the order in which they are tried where they match equally well.
    var entries: [Entry] = []
    /// The program that has a host's credentials, by the host as it is written.
    var credentialHelpers: [String: String] = [:]
    /// The program that has everybody's credentials.
    var credentialsStore: String?

    struct Entry: Sendable {
        var key: AuthKey
        var fields: AuthFields
        /// `nil` for an entry without content, such as `{}`, which tools leave behind when a helper has the secret.
        var credential: Credential?
    }

    /// No credentials at all.
    public init() {}

    /// The credentials for a repository, the best match first; all that match, so that a rotated one may be tried, too.
    ///
    /// Without a repository only entries for whole hosts count. The order: entries with a path (longest first,
    /// compared at slashes), the host as it is written, the host with scheme and `/v1/` or `/v2/` removed (Docker Hub
    /// by all its names), patterns such as `*.example.com` label by label. What is equal then is ordered by its text,
    /// backwards (`https://` first).
    public func credentials(for host: RegistryHost, repository: Repository?) -> [Credential] {
        entries.compactMap { entry -> (rank: AuthKey.Rank, entry: Entry)? in
            guard entry.credential != nil, let rank = entry.key.rank(for: host, repository: repository) else {
                return nil
            }
            return (rank, entry)
        }
        .sorted { $0.rank == $1.rank ? $0.entry.key.text > $1.entry.key.text : $0.rank < $1.rank }
        .compactMap(\.entry.credential)
    }

    /// The helper that has a host's credentials, and the name it knows the host by.
    func helper(for host: RegistryHost) -> (program: String, server: String)? {
        let exact = credentialHelpers[host.description].map { (program: $0, server: host.description) }
        if let exact { return exact }
        for (server, program) in credentialHelpers.sorted(by: { $0.key < $1.key })
        where AuthKey(server)?.rank(for: host, repository: nil)?.isWholeHost ?? false {
            return (program, server)
        }
        return credentialsStore.map { program in
            (program, AuthKey.isDockerHub(host.name) ? "https://index.docker.io/v1/" : host.description)
        }
    }

    /// How many entries and problems there are.
    public var description: String { "Docker configuration with \(entries.count) entries, \(problems.count) problems" }

    /// How many entries and problems there are, and nothing else.
    public var customMirror: Mirror { Mirror(self, children: ["entries": entries.count, "problems": problems.count]) }
}
