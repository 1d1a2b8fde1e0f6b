internal import FoundationEssentials

/// The parts of an image's configuration that are told.
///
/// Spec: OCI image specification 1.1, "Image Configuration".
struct ImageConfiguration: Decodable {
    struct Execution: Decodable {
        var labels: [String: String]?

        private enum CodingKeys: String, CodingKey { case labels = "Labels" }
    }

    var created: String?
    var os: String?
    var architecture: String?
    var variant: String?
    var config: Execution?

    /// The media types of configurations; others belong to artifacts that are no images.
    static let types = ["application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"]

    var platform: Platform { Platform(os: os ?? "", architecture: architecture ?? "", variant: variant) }

    /// When the image was made; `nil` for the year 1, which tools write for "not known".
    var createdAt: Date? { created.flatMap(Self.moment) }

    static func moment(_ text: String) -> Date? {
        text.hasPrefix("0001-01-01T00:00:00") ? nil : Date(rfc3339: text)
    }
}
