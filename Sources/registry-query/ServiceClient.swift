import FoundationEssentials
import HTTPTransport
import HTTPTypes

/// A running service, spoken to over HTTP.
///
/// The token goes to its address and nowhere else: every request is made here, and redirects are not followed.
struct ServiceClient: Sendable {
    let service: ServiceSettings
    let transport: any Transport
    /// The most that is read of an answer that says what went wrong.
    private static let longestProblem = 64 << 10

    /// A whole document.
    func answer<Content>(_ request: ServiceRequest) async throws -> Answer<Content> {
        let response = try await send(request, expecting: "application/json")
        return try document(try await response.body.collect(upTo: request.limits.bodyBytes), of: request)
    }

    /// Reads what an answer consists of.
    func document<Content>(_ bytes: [UInt8], of request: ServiceRequest) throws(ServiceError) -> Answer<Content> {
        do {
            return try Answer(bytes)
        } catch {
            throw ServiceError(
                "\(summary(of: request)): the answer is not the document that was asked for, but "
                    + "\"\(excerpt(bytes))\"; see that the service is no older than this program")
        }
    }

    /// An answer that says that all is well, of the type that was asked for.
    /// - Throws: ``ServiceError`` for every other one, and `TransportError` where there is none.
    func send(_ request: ServiceRequest, expecting type: String) async throws -> InboundResponse {
        var fields: HTTPFields = [.accept: "\(type), application/problem+json"]
        if let token = service.token { fields[.authorization] = "Bearer \(token.value)" }
        if request.asksAnew { fields[.cacheControl] = "no-cache" }
        if request.body != nil { fields[.contentType] = "application/json" }
        if let key = request.idempotencyKey, let name = HTTPField.Name("Idempotency-Key") { fields[name] = key }
        let response = try await transport.send(
            OutboundRequest(
                method: request.method, url: url(of: request), headerFields: fields, body: request.body,
                limits: request.limits))
        guard response.status.kind == .successful else { throw await problem(response, of: request) }
        guard response.hasType(type) else {
            throw ServiceError(
                "\(summary(of: request)): answered with \(await content(of: response)) where \(type) was expected; "
                    + "is registry-query there?")
        }
        return response
    }

    /// What is asked, for errors.
    func summary(of request: ServiceRequest) -> String {
        "\(request.method.rawValue) \(url(of: request).withoutQuery)"
    }

    private func url(of request: ServiceRequest) -> HTTPURL {
        request.path.reduce(service.url) { $0.appending(path: $1) }
            .appending(query: request.query.compactMap { name, value in value.map { (name, $0) } })
    }

    private func problem(_ response: InboundResponse, of request: ServiceRequest) async -> ServiceError {
        let status = response.status.code
        var error: ServiceError
        if response.hasType("application/problem+json"),
            let body = try? await response.body.collect(upTo: Self.longestProblem),
            let problem = try? JSONDecoder().decode(ProblemDocument.self, from: Data(body))
        {
            error = ServiceError(shown(problem.message, limit: 4000))
            error.code = problem.code
            if error.code == "route_unknown" { error.description += "; is the service older than this program?" }
            error.isUsage = (status == 400 || status == 422) && problem.field != nil
        } else if response.status.kind == .redirection {
            let target = redacted(withoutToken(response.headerFields[.location] ?? "nowhere"), limit: 200)
            error = ServiceError(
                "\(summary(of: request)): answered \(status) and points to \(shown(target)), which is not followed; "
                    + "if that is the service, name it with --server")
        } else {
            error = ServiceError(
                "\(summary(of: request)): answered \(status) with \(await content(of: response)), which "
                    + "registry-query does not do; see what is at that address")
        }
        error.isTransient = status == 502 || status == 503 || status == 504
        if (status == 401 || status == 403) && error.code != "host_not_allowed" {
            error.description += "; " + (service.token?.advice ?? ServiceSettings.Token.adviceWithout)
        }
        return error
    }

    /// Type and beginning of a body, for errors.
    private func content(of response: InboundResponse) async -> String {
        let type = response.headerFields[.contentType].map { shown($0, limit: 80) } ?? "no type"
        var body: [UInt8] = []
        do {
            for try await chunk in response.body {
                body += chunk
                if body.count > 512 { break }
            }
        } catch {
            // What has arrived is all there is to show.
        }
        return body.isEmpty ? "\(type) and nothing" : "\(type) and \"\(excerpt(body))\""
    }

    private func excerpt(_ bytes: [UInt8]) -> String {
        shown(redacted(withoutToken(String(decoding: bytes, as: UTF8.self)), limit: 120))
    }

    /// A text of the service's that is not too long, without the token; for people, it is made harmless where it is printed.
    private func shown(_ text: String, limit: Int = 300) -> String { String(withoutToken(text).prefix(limit)) }

    /// The text without the token, should it be sent back; to be done before anything is cut off.
    private func withoutToken(_ text: String) -> String {
        service.token.map { text.replacing($0.value, with: "***") } ?? text
    }
}

/// Spec: RFC 9457, with the members that the interface adds.
private struct ProblemDocument: Decodable {
    var code: String
    var message: String
    var field: String?
}

extension InboundResponse {
    fileprivate func hasType(_ type: String) -> Bool {
        let value = headerFields[.contentType]?.lowercased() ?? ""
        return value.prefix { $0 != ";" && $0 != " " } == type
    }
}
