import HTTPTypes
import Hummingbird

/// An answer that says what went wrong and what to do.
///
/// Spec: RFC 9457. `message` repeats `detail` because n8n shows a top-level `message` and nothing else.
struct Problem: Error, Sendable, Equatable {
    /// One of several things that are wrong with a request.
    struct FieldError: Sendable, Equatable {
        /// Where: a JSON path, a query parameter, a path parameter or a header.
        var field: String
        var code: ProblemCode
        /// One sentence that begins with the field.
        var message: String
    }

    var code: ProblemCode
    /// One sentence that a person can act on, without secrets.
    var detail: String
    var field: String?
    /// All that is wrong, where it is more than one thing.
    var errors: [FieldError] = []
    var headers = HTTPFields()
    /// Further members of the document.
    var members: [JSONValue.Member] = []
    /// Whether the connection ends with this answer, because the rest of the request is not read.
    private(set) var closesConnection = false

    init(_ code: ProblemCode, _ detail: String, field: String? = nil, headers: HTTPFields = [:]) {
        self.code = code
        self.detail = detail
        self.field = field
        self.headers = headers
    }

    /// The same, after which the connection ends.
    var closingConnection: Problem {
        var problem = self
        problem.closesConnection = true
        return problem
    }

    /// What becomes of a request whose body ends before its time.
    static let brokenOff =
        Problem(.malformedRequest, "the connection broke off before all of the body had arrived").closingConnection

    /// The document.
    var document: JSONValue {
        var members: [JSONValue.Member] = [
            .init("type", .string("urn:registry-query:problem:\(code.rawValue)")),
            .init("title", .string(code.title)),
            .init("status", .integer(code.status.code)),
            .init("detail", .string(detail)),
            .init("code", .string(code.rawValue)),
            .init("message", .string(detail)),
        ]
        if let field { members.append(.init("field", .string(field))) }
        if !errors.isEmpty {
            let list = errors.map { error -> JSONValue in
                [
                    "field": .string(error.field), "code": .string(error.code.rawValue),
                    "message": .string(error.message),
                ]
            }
            members.append(.init("errors", .array(list)))
        }
        return .object(members + self.members)
    }

    /// The whole answer.
    var response: Response {
        var response = Response(json: document, status: code.status)
        response.headers[.contentType] = "application/problem+json"
        for header in headers { response.headers[header.name] = header.value }
        return response
    }
}

extension Response {
    /// An answer in JSON that nobody keeps.
    init(json: JSONValue, status: HTTPResponse.Status = .ok, headers: HTTPFields = [:]) {
        self.init(
            status: status, headers: [.contentType: "application/json", .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: json.utf8)))
        for header in headers { self.headers[header.name] = header.value }
    }
}
