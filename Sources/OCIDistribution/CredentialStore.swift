public import Logging

/// The credentials of a Docker configuration directory, always as they are now.
///
/// `config.json` is read by its path for every request, so a rotated Secret counts from the next request on. While the
/// file cannot be read or parsed, the last good content stays in use and ``problems`` says so; a missing file means no
/// credentials. `DOCKER_AUTH_CONFIG` in the environment comes before the file, credential helpers before the file's
/// own entries.
public actor CredentialStore {
    /// What could not be used when the configuration was read last; without secrets.
    public private(set) var problems: [String] = []

    /// Where the credentials are looked for, for messages: a path or "no Docker configuration".
    public nonisolated let place: String

    private let file: ConfigFile?
    private let environment: [String: String]
    private let helperDeadline: Duration
    private let timeline: Timeline
    private let logger: Logger
    private let environmentConfig: DockerConfig
    private let environmentProblems: [String]
    private var configurationProblems: [String] = []
    private var fileConfig = DockerConfig()
    private var contentRead: Digest?
    private var helpers: [HelperKey: HelperState] = [:]
    private var helperProblems: [HelperKey: String] = [:]

    private struct HelperKey: Hashable {
        var program: String
        var server: String
    }

    private enum HelperState {
        case running(SharedOperation<Credential?>)
        case known(Credential?, since: Duration, for: Duration)
    }

    /// How long a helper's answer is used.
    ///
    /// Source: what other clients found bearable for short-lived cloud tokens.
    private static let helperAnswerLifetime = Duration.seconds(3600)
    /// How long a helper is left alone after it failed or had nothing.
    private static let helperPause = Duration.seconds(5)
    /// How many credentials are tried for one request at most.
    static let mostCandidates = 8

    /// Looks after a directory with a `config.json`.
    ///
    /// - Parameters:
    ///   - directory: the directory, as in `DOCKER_CONFIG`; `nil` for no file.
    ///   - environment: where `DOCKER_AUTH_CONFIG` and, for credential helpers, `PATH` come from.
    ///   - helperDeadline: how long a credential helper may take, 5 s by default.
    ///   - clock: measures how long a helper's answer is used.
    ///   - logger: hears of problems, once each time they change.
    public init(
        directory: String?, environment: [String: String] = [:], helperDeadline: Duration = .seconds(5),
        clock: any Clock<Duration> = ContinuousClock(), logger: Logger
    ) {
        file = directory.map { ConfigFile(path: $0.hasSuffix("/") ? "\($0)config.json" : "\($0)/config.json") }
        place = file?.path ?? "no Docker configuration"
        self.environment = environment
        self.helperDeadline = helperDeadline
        self.logger = logger
        timeline = Timeline(clock)
        var environmentConfig = DockerConfig()
        var environmentProblems: [String] = []
        if let value = environment["DOCKER_AUTH_CONFIG"], !value.isEmpty {
            do {
                environmentConfig = try DockerConfig(environmentValue: value)
            } catch {
                environmentProblems = [error.description]
            }
        }
        self.environmentConfig = environmentConfig
        self.environmentProblems = environmentProblems
    }

    /// The credentials for a repository that is reached by any of these names, in the order in which to try them.
    ///
    /// - Parameters:
    ///   - hosts: the names of one registry, the one whose credentials come first in front.
    ///   - repository: the repository; `nil` for the registry as a whole.
    ///   - askingHelpersAgain: whether a helper's answer from before is not good enough, because it was refused.
    public func credentials(
        for hosts: [RegistryHost], repository: Repository?, askingHelpersAgain: Bool = false
    ) async -> [Credential] {
        reread()
        var found: [Credential] = []
        // Taken before the first suspension: one consistent configuration for all hosts.
        let (environmentConfig, fileConfig) = (environmentConfig, fileConfig)
        for host in hosts {
            found += environmentConfig.credentials(for: host, repository: repository)
            if let (program, server) = fileConfig.helper(for: host),
                let credential = await ask(
                    HelperKey(program: program, server: server), again: askingHelpersAgain)
            {
                found.append(credential)
            }
            found += fileConfig.credentials(for: host, repository: repository)
        }
        var seen: Set<Credential> = []
        return Array(found.filter { seen.insert($0).inserted }.prefix(Self.mostCandidates))
    }

    /// The configuration as it is in the file now, without the environment's.
    func currentFile() -> DockerConfig {
        reread()
        return fileConfig
    }

    // MARK: The file

    private func reread() {
        var fileProblem: String?
        switch file?.read() ?? .missing {
        case .missing:
            fileConfig = DockerConfig()
            contentRead = nil
        case .unreadable(let reason):
            fileProblem = "\(reason); the entries read before stay in use"
        case .bytes(let bytes):
            let content = Digest.sha256(of: bytes)
            guard content != contentRead else { break }
            do throws(DockerConfig.Unreadable) {
                fileConfig = try DockerConfig(bytes, source: place)
                contentRead = content
            } catch {
                fileProblem = error.description
            }
        }
        configurationProblems = environmentProblems + (fileProblem.map { [$0] } ?? []) + fileConfig.problems
        report()
    }

    private func report() {
        let current = configurationProblems + helperProblems.values.sorted()
        guard current != problems else { return }
        for problem in current where !problems.contains(problem) {
            logger.info("docker configuration has a problem", metadata: ["problem": "\(problem)"])
        }
        problems = current
    }

    // MARK: Helpers

    private func ask(_ key: HelperKey, again: Bool) async -> Credential? {
        if case .known(let credential, let since, let lifetime)? = helpers[key] {
            let age = timeline.now() - since
            if age < (again ? min(lifetime, Self.helperPause) : lifetime) { return credential }
        }
        if case .running(let operation)? = helpers[key], let ticket = operation.join() {
            return try? await operation.value(for: ticket)
        }
        let helper = CredentialHelper(name: key.program, environment: environment, deadline: helperDeadline)
        let operation = SharedOperation { [weak self] in
            do {
                let credential = try await helper.credential(for: key.server)
                await self?.keep(
                    credential, of: key, for: credential == nil ? Self.helperPause : Self.helperAnswerLifetime)
                return credential
            } catch let failure as CredentialHelper.Failure {
                await self?.keep(nil, of: key, for: Self.helperPause, problem: failure.reason)
                return nil
            }
        }
        helpers[key] = .running(operation)
        operation.start()
        // What is thrown here is the cancellation of this task; whoever sends the request notices it by itself.
        return try? await operation.value(for: operation.makersTicket)
    }

    private func keep(_ credential: Credential?, of key: HelperKey, for lifetime: Duration, problem: String? = nil) {
        helpers[key] = .known(credential, since: timeline.now(), for: lifetime)
        helperProblems[key] = problem
        report()
    }
}
