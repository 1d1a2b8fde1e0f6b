internal import FoundationEssentials

/// A manifest whose bytes are those its digest says.
public struct Manifest: Sendable {
    /// What it consists of.
    public enum Content: Sendable {
        /// One image: its configuration and its layers.
        case image(config: Descriptor, layers: [Descriptor])
        /// Images for several platforms, possibly with attestations among them.
        case index([Descriptor])
    }

    /// Its type, digest and size.
    public let descriptor: Descriptor
    /// What it consists of.
    public let content: Content
    /// Its annotations.
    public let annotations: [String: String]
    /// The bytes as the registry has them.
    public let bytes: [UInt8]

    /// The media types that are asked for, in order of preference.
    static let acceptedTypes = [
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    ]

    struct Malformed: Error {
        var reason: String
        var isUnsupported = false
    }

    private struct Document: Decodable {
        var mediaType: String?
        var schemaVersion: Int?
        var config: Descriptor?
        var layers: [Descriptor]?
        var manifests: [Descriptor]?
        var annotations: [String: String]?
    }

    /// Reads a manifest whose digest has been verified.
    ///
    /// - Parameter type: the answer's `Content-Type`, which must not contradict the document: what one reader takes
    ///   for an index and another for an image has no agreed meaning. Spec: OCI image specification 1.1, "mediaType"
    ///   of both.
    init(_ bytes: [UInt8], type: String?, digest: Digest) throws(Malformed) {
        let document: Document
        do {
            document = try JSONDecoder().decode(Document.self, from: Data(bytes))
        } catch {
            throw Malformed(reason: "a body of type \(type ?? "none") that is not the JSON of a manifest")
        }
        let known = Self.acceptedTypes
        if let own = document.mediaType, let type, known.contains(type), own != type {
            throw Malformed(reason: "a manifest that calls itself \(own) under the type \(type)")
        }
        guard document.schemaVersion == 2 else {
            throw Malformed(
                reason: "a manifest of schema version \(document.schemaVersion.map(String.init) ?? "none")",
                isUnsupported: true)
        }
        switch (document.manifests, document.config, document.layers) {
        case (let manifests?, nil, nil): content = .index(manifests)
        case (nil, let config?, let layers?): content = .image(config: config, layers: layers)
        default: throw Malformed(reason: "a manifest that is neither an image nor an index")
        }
        let isIndex = document.manifests != nil
        let fallback = isIndex ? known[0] : known[1]
        let mediaType = document.mediaType ?? type.flatMap { known.contains($0) ? $0 : nil } ?? fallback
        guard !known.contains(mediaType) || isIndex == (mediaType == known[0] || mediaType == known[2]) else {
            throw Malformed(reason: "a manifest whose content is not what its type \(mediaType) says")
        }
        annotations = document.annotations ?? [:]
        descriptor = Descriptor(mediaType: mediaType, digest: digest, size: bytes.count)
        self.bytes = bytes
    }
}
