public import OCIDistribution

/// What builds ask of a registry: the truth about tags.
public protocol TagRegistry: Sendable {
    /// All tags of a repository, asked now: complete or an error.
    ///
    /// `nil` only where the registry itself says that it does not know the repository.
    func currentTags(of repository: Repository) async throws -> [String]?

    /// The digest that the registry serves under a tag, asked now; `nil` if it serves none.
    func servedDigest(of tag: Tag, in repository: Repository) async throws -> Digest?
}

/// What ``MovingTags`` ask of a registry beyond that: to move tags.
public protocol MovingTagRegistry: TagRegistry {
    /// The manifest of a digest, its bytes verified.
    func manifest(of digest: Digest, in repository: Repository) async throws -> Manifest

    /// Points a tag to a manifest of the repository, which may happen twice; answers the digest that is served then.
    func tag(_ manifest: Manifest, as tag: Tag, in repository: Repository) async throws -> Digest
}

extension RegistryClient: MovingTagRegistry {
    /// See ``TagRegistry/currentTags(of:)``.
    public func currentTags(of repository: Repository) async throws -> [String]? {
        do {
            return try await tags(of: repository).tags.map(\.description)
        } catch let error as RegistryError where error.code == .nameUnknown {
            return nil
        }
    }

    /// See ``TagRegistry/servedDigest(of:in:)``.
    public func servedDigest(of tag: Tag, in repository: Repository) async throws -> Digest? {
        try await descriptor(of: tag, in: repository)?.digest
    }

    /// See ``MovingTagRegistry/manifest(of:in:)``.
    public func manifest(of digest: Digest, in repository: Repository) async throws -> Manifest {
        try await manifest(.digest(digest), in: repository)
    }
}
