public import OCIDistribution
public import SemanticVersions

/// The name of a build: the Job's name, and the reservation of its version.
///
/// It is made from webapp and version only, so that two builds of one version cannot both exist. A release whose name fits reads
/// `build-app-example-v1-2-3`; everything else gets a shortened name that ends in `-h` and a hash of repository and version. The two
/// forms cannot meet: the last part of the first is a number, that of the second begins with `h`.
public struct BuildID: Hashable, Sendable, CustomStringConvertible {
    /// One DNS label of at most 63 characters.
    public let description: String

    /// Takes an id that a caller sent back.
    /// - Throws: ``InvalidInput`` for the field `id` when it is not a DNS label.
    public init(_ text: String) throws(InvalidInput) {
        do {
            description = try WebappName(text).description
        } catch {
            throw InvalidInput(field: "id", "\(InvalidInput.quoted(text)) is not a build's id")
        }
    }

    /// The name under which a version of a repository is reserved.
    ///
    /// `v1.2.3` and `1.2.3` are the same version, and so share the name.
    public init(webapp: WebappName, repository: Repository, version: SemanticVersion) {
        let readable = "build-\(webapp)-v\(version.major)-\(version.minor)-\(version.patch)"
        if version.prerelease.isEmpty, readable.utf8.count <= 63 {
            description = readable
            return
        }
        let hash = Digest.sha256(of: Array("\(repository):\(version)".utf8)).hex.prefix(24)
        var stem = "build-\(webapp)"
        let room = 63 - 2 - hash.count
        if stem.utf8.count > room { stem = String(stem.prefix(room)) }
        while stem.hasSuffix("-") { stem.removeLast() }
        description = "\(stem)-h\(hash)"
    }
}
