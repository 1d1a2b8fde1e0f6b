/// A value that is a validated text, and travels as that text in JSON.
public protocol TextValue: Hashable, Sendable, Codable, CustomStringConvertible {
    /// Reads the text.
    /// - Throws: ``InvalidValue`` that says what is wrong.
    init(_ text: String) throws(InvalidValue)
}

extension TextValue {
    /// Decodes a JSON string.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        do {
            try self.init(text)
        } catch {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: error.description)
        }
    }

    /// Encodes the text as a JSON string.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
