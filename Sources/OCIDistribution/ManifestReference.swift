/// What names a manifest within a repository: a tag or a digest.
public enum ManifestReference: Hashable, Sendable, CustomStringConvertible {
    /// Whatever the tag points to at the moment.
    case tag(Tag)
    /// Exactly these bytes.
    case digest(Digest)

    /// The tag or the digest as it stands in a URL's path.
    public var description: String {
        switch self {
        case .tag(let tag): tag.description
        case .digest(let digest): digest.description
        }
    }
}
