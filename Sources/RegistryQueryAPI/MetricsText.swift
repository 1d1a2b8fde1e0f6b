/// The metrics of the process as they are exposed.
public struct MetricsText: Sendable {
    /// The media type with its version and character set.
    public var contentType: String
    /// The text in UTF-8.
    public var bytes: [UInt8]

    /// Takes both.
    public init(contentType: String, bytes: [UInt8]) {
        self.contentType = contentType
        self.bytes = bytes
    }

    /// No metrics at all, in a format that says so.
    public static let none = MetricsText(contentType: "text/plain; version=0.0.4; charset=utf-8", bytes: [])
}
