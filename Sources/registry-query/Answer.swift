import FoundationEssentials
import RegistryQueryAPI

/// A document of the HTTP interface: as it is, for programs, and what people are shown of it.
struct Answer<Content: Decodable & Sendable>: Sendable {
    /// The JSON text.
    let text: String
    let content: Content

    /// Reads a document.
    /// - Throws: `DecodingError` for what is no such document.
    init(_ bytes: [UInt8]) throws {
        content = try JSONDecoder().decode(Content.self, from: Data(bytes))
        text = String(decoding: bytes, as: UTF8.self)
    }

    init(_ document: JSONDocument) throws { try self.init(Array(document.text.utf8)) }

    /// Prints the document, or what `people` makes of it.
    func show(_ format: OutputFormat, people: (Content) throws -> StyledText) throws {
        switch format {
        case .json: try FileHandleOutput.standardOutput.write(text.withEscapedControls + "\n")
        case .text: try FileHandleOutput.standardOutput.show(try people(content))
        }
    }
}

extension String {
    /// JSON that says the same, with the control characters that JSON allows as they are, and a terminal may obey, escaped.
    var withEscapedControls: String {
        guard unicodeScalars.contains(where: { ("\u{7f}"..."\u{9f}").contains($0) }) else { return self }
        return String(
            String.UnicodeScalarView(
                unicodeScalars.flatMap { scalar in
                    ("\u{7f}"..."\u{9f}").contains(scalar)
                        ? Array("\\u00\(String(scalar.value, radix: 16))".unicodeScalars) : [scalar]
                }))
    }
}
