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
    /// - Throws: ``Problem`` for another media type, too many bytes, too slow ones, or no JSON object.
    func jsonObject() async throws -> [JSONValue.Member] {
        try checkMediaType()
        let bytes = try await body()
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

    private func checkMediaType() throws(Problem) {
        let parts = (raw.headers[.contentType] ?? "").lowercased().split(separator: ";").map { part in
            part.filter { $0 != " " && $0 != "\t" && $0 != "\"" }
        }
        guard parts.first == "application/json", parts.dropFirst().allSatisfy({ $0 == "charset=utf-8" }) else {
            let sent = raw.headers[.contentType].map { "not \(quoted($0))" } ?? "and there is none"
            throw Problem(.unsupportedMediaType, "the Content-Type of the body must be application/json, \(sent)")
        }
        guard raw.headers[.contentEncoding].map({ $0.lowercased() == "identity" }) ?? true else {
            throw Problem(.unsupportedMediaType, "the body must not have a Content-Encoding")
        }
    }

    private func body() async throws -> [UInt8] {
        let most = configuration.maximumBodyBytes
        var tooLarge = Problem(.bodyTooLarge, "the body is larger than \(most) bytes")
        tooLarge.closesConnection = true
        let refusal = tooLarge
        if let announced = raw.headers[.contentLength].flatMap(Int.init), announced > most { throw refusal }
        let chunks = raw.body
        do {
            return try await withDeadline(configuration.bodyWithin) {
                var bytes: [UInt8] = []
                for try await chunk in chunks {
                    guard bytes.count + chunk.readableBytes <= most else { throw refusal }
                    bytes.append(contentsOf: chunk.readableBytesView)
                }
                return bytes
            }
        } catch is DeadlineExceeded {
            var problem = Problem(.requestTimeout, "the body did not arrive within \(configuration.bodyWithin)")
            problem.closesConnection = true
            throw problem
        }
    }
}
