/// What a manifest says of a piece of content: its type, digest and size.
///
/// Spec: OCI image specification 1.1, "Content Descriptors".
public struct Descriptor: Sendable, Hashable {
    /// The media type, without parameters.
    public var mediaType: String
    /// The digest of the content's bytes.
    public var digest: Digest
    /// The number of bytes; `nil` where a registry did not say.
    public var size: Int?
    /// For an index's manifest: what it runs on.
    public var platform: Platform?
    /// Annotations of the descriptor.
    public var annotations: [String: String]

    /// Describes content.
    public init(
        mediaType: String, digest: Digest, size: Int?, platform: Platform? = nil, annotations: [String: String] = [:]
    ) {
        self.mediaType = mediaType
        self.digest = digest
        self.size = size
        self.platform = platform
        self.annotations = annotations
    }
}

extension Descriptor: Decodable {
    private enum Key: String, CodingKey { case mediaType, digest, size, platform, annotations }

    /// Reads a descriptor of a manifest or an index.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        mediaType = try container.decodeIfPresent(String.self, forKey: .mediaType) ?? ""
        digest = try container.decode(Digest.self, forKey: .digest)
        let size = try container.decode(Int.self, forKey: .size)
        guard size >= 0 else {
            throw DecodingError.dataCorruptedError(
                forKey: .size, in: container, debugDescription: "the size is negative")
        }
        self.size = size
        platform = try container.decodeIfPresent(Platform.self, forKey: .platform)
        annotations = try container.decodeIfPresent([String: String].self, forKey: .annotations) ?? [:]
    }
}

/// What an image runs on, such as `linux/arm64`.
///
/// Spec: OCI image specification 1.1, "Image Index".
public struct Platform: Sendable, Hashable, Decodable, CustomStringConvertible {
    /// The operating system by Go's name, such as `linux`.
    public var os: String
    /// The architecture by Go's name, such as `arm64`.
    public var architecture: String
    /// The variant of the architecture, such as `v7`.
    public var variant: String?

    /// Names a platform.
    public init(os: String, architecture: String, variant: String? = nil) {
        self.os = os
        self.architecture = architecture
        self.variant = variant
    }

    /// `os/architecture` or `os/architecture/variant`; `v8` goes without saying for `arm64`, and so do empty variants.
    public var description: String {
        guard let variant, !variant.isEmpty, !(architecture == "arm64" && variant == "v8") else {
            return "\(os)/\(architecture)"
        }
        return "\(os)/\(architecture)/\(variant)"
    }

    /// Whether it says nothing, as for attestations and in configurations of things that do not run.
    var isUnknown: Bool { [os, architecture].contains { $0.isEmpty || $0 == "unknown" } }
}
