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
    func show(_ format: OutputFormat, people: (Content) throws -> String) throws {
        switch format {
        case .json: try FileHandleOutput.standardOutput.write(text + "\n")
        case .text: try FileHandleOutput.standardOutput.write(try people(content))
        }
    }
}
