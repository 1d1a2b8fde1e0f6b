import FoundationEssentials
import HTTPTransport
import HTTPTypes

@testable import KubernetesClient
@testable import KubernetesStandIn

/// A recorded exchange with a real API server.
struct Recording: Sendable, CustomStringConvertible {
    let name: String
    let method: String
    /// Path and query as they were sent.
    let target: String
    let headers: [String: String]
    let requestBody: JSONValue?
    let status: Int
    let responseFields: HTTPFields
    /// The body byte for byte where it was kept so, else its document written anew.
    let body: [UInt8]
    /// The body as a document, where it is one.
    let document: JSONValue?

    var description: String { name }

    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Fixtures")

    static let names: [String] = {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return files.filter { $0.hasSuffix(".json") }.map { String($0.dropLast(5)) }.sorted()
    }()

    /// The recordings whose names begin like this.
    static func names(_ prefixes: String...) -> [String] {
        names.filter { name in prefixes.contains(where: name.hasPrefix) }
    }

    static func file(_ name: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: folder.appendingPathComponent(name)))
    }

    /// All recordings, read once: they are many and long.
    private static let all: [String: Recording] = Dictionary(
        uniqueKeysWithValues: names.compactMap { name in (try? Recording(reading: name)).map { (name, $0) } })

    struct Missing: Error {
        var name: String
    }

    init(_ name: String) throws {
        guard let recording = Self.all[name] else { throw Missing(name: name) }
        self = recording
    }

    private init(reading name: String) throws {
        self.name = name
        let recording = try JSONValue(json: try Self.file("\(name).json"))
        let request = recording["request"]
        let line = (request?["line"]?.string ?? "").split(separator: " ")
        method = String(line[0])
        target = String(line[1])
        var headers: [String: String] = [:]
        for (name, value) in request?["headers"]?.object?.members ?? [] { headers[name.lowercased()] = value.string }
        self.headers = headers
        requestBody = request?["body"]
        let response = recording["response"]
        status = response?["status"]?.int ?? 0
        var fields = HTTPFields()
        for (name, value) in response?["headers"]?.object?.members ?? [] {
            if let name = HTTPField.Name(name) { fields.append(HTTPField(name: name, value: value.string ?? "")) }
        }
        responseFields = fields
        if let file = response?["bodyFile"]?.string {
            body = try Self.file(file)
            document = nil
        } else if let text = response?["body"]?.string {
            body = Array(text.utf8)
            document = nil
        } else {
            body = response?["body"]?.json() ?? []
            document = response?["body"]
        }
    }

    /// The query's items in their order, decoded.
    var query: [(String, String)] { decodedQuery(target) }

    var path: String { String(target.prefix { $0 != "?" }) }

    /// A transport that gives this answer to whatever it is asked.
    func transport(pieces: Int? = nil) -> PieceTransport {
        PieceTransport(status: status, fields: responseFields, body: body, pieceLength: pieces)
    }
}

func decodedQuery(_ target: String) -> [(String, String)] {
    guard let mark = target.firstIndex(of: "?") else { return [] }
    return target[target.index(after: mark)...].split(separator: "&").map { item in
        let parts = item.split(separator: "=", maxSplits: 1).map(percentDecoded)
        return (parts[0], parts.count > 1 ? parts[1] : "")
    }
}
