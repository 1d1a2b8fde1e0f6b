import HTTPTypes
import Hummingbird
import Logging

/// A request that has found its route, with what a handler needs of it.
struct APIRequest: Sendable {
    /// The request as it arrived.
    let raw: Request
    /// The path parameters, decoded.
    let pathParameters: [String: String]
    /// The query, not decoded.
    let query: String?
    /// Who asks; `nil` where callers have no names.
    let caller: Caller?
    let configuration: RegistryQueryAPI.Configuration
    let logger: Logger
    /// The builds that the request concerns, for the log.
    let concerned: ConcernedBuilds

    /// A path parameter, made from its text; notes why where it cannot be.
    func path<Value>(_ name: String, _ errors: InputErrors, _ make: (String) throws -> Value) -> Value? {
        errors.reading(name) { try make(pathParameters[name] ?? "") }
    }

    /// Throws if the query has any parameter.
    func refuseParameters() throws(Problem) {
        let errors = InputErrors()
        _ = QueryParameters(query, known: [], errors: errors)
        try errors.check()
    }

    /// Whether the caller wants to know how things are now: `no-cache`, `no-store` or `max-age=0`.
    ///
    /// Spec: RFC 9111 section 5.2.1.
    var asksAnew: Bool {
        raw.headers[values: .cacheControl].contains { value in
            value.lowercased().split(separator: ",").contains { directive in
                let directive = directive.filter { $0 != " " && $0 != "\t" }
                return directive == "no-cache" || directive == "no-store" || directive == "max-age=0"
            }
        }
    }

    /// The members of the body, which must be a JSON object.
    /// - Parameter mediaTypes: What the body may call itself; `application/json` alone by default.
    /// - Throws: ``Problem`` for another media type, too many bytes, too slow ones, or no JSON object.
    func jsonObject(mediaTypes: [String] = ["application/json"]) async throws -> [JSONValue.Member] {
        _ = try mediaType(among: mediaTypes)
        return try Self.members(of: try await body())
    }

    /// Throws if there is a body that says anything; `{}` does not.
    func refuseBody() async throws {
        let bytes = try await body()
        guard !bytes.isEmpty else { return }
        let errors = InputErrors()
        for member in try Self.members(of: bytes) {
            errors.add(
                .unknownField, String(member.name.prefix(60)), "there is no such field; this request has no body")
        }
        try errors.check()
    }

    private static func members(of bytes: [UInt8]) throws -> [JSONValue.Member] {
        let value: JSONValue
        do {
            value = try JSONParser.parse(bytes)
        } catch {
            throw Problem(.malformedJSON, error.description)
        }
        guard case .object(let members) = value else {
            throw Problem(.wrongType, "the body must be a JSON object, not \(value.kind)")
        }
        return members
    }

    /// What the body calls itself, which must be one of these, in UTF-8 and not compressed.
    func mediaType(among allowed: [String]) throws(Problem) -> String {
        let parts = (raw.headers[.contentType] ?? "").lowercased().split(separator: ";").map { part in
            part.filter { $0 != " " && $0 != "\t" && $0 != "\"" }
        }
        guard let first = parts.first, allowed.contains(first), parts.dropFirst().allSatisfy({ $0 == "charset=utf-8" })
        else {
            let sent = raw.headers[.contentType].map { "not \(quoted($0))" } ?? "and there is none"
            throw Problem(
                .unsupportedMediaType,
                "the Content-Type of the body must be \(allowed.joined(separator: " or ")), \(sent)")
        }
        guard raw.headers[.contentEncoding].map({ $0.lowercased() == "identity" }) ?? true else {
            throw Problem(.unsupportedMediaType, "the body must not have a Content-Encoding")
        }
        return first
    }

    /// How many bytes the body has, if it says so.
    var announcedBytes: Int? { raw.headers[.contentLength].flatMap(Int.init) }

    private func body() async throws -> [UInt8] {
        do {
            return try await withDeadline(configuration.bodyWithin) {
                try await bytes(atMost: configuration.maximumBodyBytes)
            }
        } catch is DeadlineExceeded {
            throw Problem(.requestTimeout, "the body did not arrive within \(configuration.bodyWithin)")
                .closingConnection
        }
    }

    /// The bytes of the body, however long they take.
    /// - Parameter admit: Told of each piece before it is kept; throws for one that may not be.
    /// - Throws: ``Problem`` for too many, at once where they are announced, and for a connection that breaks off; what
    ///   `admit` throws; `CancellationError`.
    func bytes(atMost most: Int, admit: (Int) throws -> Void = { _ in }) async throws -> [UInt8] {
        let refusal = Problem(.bodyTooLarge, "the body is larger than \(most) bytes").closingConnection
        if let announcedBytes, announcedBytes > most { throw refusal }
        var bytes: [UInt8] = []
        do {
            for try await piece in raw.body {
                guard bytes.count + piece.readableBytes <= most else { throw refusal }
                try admit(piece.readableBytes)
                bytes.append(contentsOf: piece.readableBytesView)
            }
        } catch let problem as Problem {
            throw problem
        } catch {
            try Task.checkCancellation()
            throw Problem.brokenOff
        }
        // A body that is given up ends like one that is whole.
        try Task.checkCancellation()
        return bytes
    }
}
