internal import HTTPTransport
internal import HTTPTypes

/// A registry's answer with its whole body.
struct RegistryAnswer: Sendable {
    var status: Int
    var headerFields: HTTPFields
    var body: [UInt8]
    /// Where the answer came from, after redirects.
    var url: HTTPURL
    /// Whether it came from the registry's own scheme, host and port.
    var isFromRegistry: Bool
    var retryAfter: Duration?

    /// The media type without parameters in lower case; `nil` without the field.
    var mediaType: String? {
        headerFields[values: .contentType].first.map { value in
            String(value.prefix { $0 != ";" }.filter { !$0.isWhitespace }).lowercased()
        }
    }
}

extension HTTPFields {
    /// All values of a field by its name, for names that have no constant.
    func values(of name: String) -> [String] { HTTPField.Name(name).map { self[values: $0] } ?? [] }
}
