public import FoundationEssentials

/// What is behind a tag.
public struct ImageDetails: Sendable, Hashable {
    /// The digest of what the tag points to: an image's manifest or an index.
    public var digest: Digest
    /// The media type of that.
    public var mediaType: String
    /// The bytes of the configuration and all layers, compressed as they are stored, of one platform: the first of
    /// ``platforms``.
    public var size: Int
    /// What it runs on, such as `linux/arm64`, in the index's order; attestations are no platform.
    public var platforms: [String]
    /// When it was made.
    public var createdAt: Date?
    /// The source revision, from `org.opencontainers.image.revision`.
    public var revision: String?
    /// Where the source is, from `org.opencontainers.image.source`.
    public var source: String?
    /// The labels of the configuration of the first platform.
    public var labels: [String: String]
}
