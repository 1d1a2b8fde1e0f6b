internal import FoundationEssentials
internal import HTTPTransport
internal import HTTPTypes

extension KubernetesError {
    /// Tells what an answer with an error status means, by the API server's own `reason` and message rather than by status.
    init(answer: HTTPResponse.Status, fields: HTTPFields, body: [UInt8], to operation: KubernetesOperation, now: Date) {
        let status = try? JSONDecoder().decode(Status.self, from: Data(body))
        self.init(status: status, code: answer.code, to: operation)
        if status == nil {
            // Some answers come from in front of the API server, as text or HTML.
            let text = String(decoding: body.prefix(1000), as: UTF8.self)
            let said = text.isEmpty ? "an empty body" : "\"\(redacted(text, limit: 200))\""
            message = redacted("the answer is no Status of the API server but \(said)", limit: 500)
        }
        retryAfter = fields.retryAfter(now: now) ?? retryAfter
    }

    /// Tells what a `Status` document means, as an answer or in a watch.
    init(status: Status?, code: Int, to operation: KubernetesOperation) {
        self.init(
            Self.classified(status, code: code, operation: operation), operation, status: code,
            reason: status?.reason, message: status?.message ?? "no message",
            retryAfter: status?.details?.retryAfterSeconds.map { .seconds(min(max($0, 0), 86_400)) })
    }

    /// Wraps what the transport reports.
    init(_ failure: TransportError, during operation: KubernetesOperation) {
        let code: Code =
            switch failure.code {
            case .idleTimeout, .totalTimeout: .timeout
            case .nameResolution, .connect, .connectionLost: .unreachable
            case .tls: .tls
            case .malformedResponse, .headerTooLarge, .bodyTooLarge: .malformedAnswer
            default: .other
            }
        self.init(code, operation, message: failure.description)
    }

    private static func classified(_ status: Status?, code: Int, operation: KubernetesOperation) -> Code {
        guard let status else { return classified(withoutStatus: code) }
        let message = status.message ?? ""
        return switch status.reason {
        case "AlreadyExists":
            // Only the text tells the two apart.
            message.hasPrefix("object is being deleted:") ? .alreadyExistsDeleting : .alreadyExists
        case "Conflict": .conflict
        case "NotFound": isAboutObject(status, operation) ? .notFound : .unknownResource
        case "Forbidden": message.contains("exceeded quota:") ? .quotaExceeded : .forbidden
        case "Invalid": .invalid
        case "BadRequest", "UnsupportedMediaType", "NotAcceptable", "MethodNotAllowed", "RequestEntityTooLarge":
            .badRequest
        case "Unauthorized": .unauthorized
        case "Expired", "Gone": .expired
        case "TooManyRequests": .tooManyRequests
        case "Timeout", "ServerTimeout": .timeout
        case "ServiceUnavailable": .unavailable
        case "InternalError": .serverFailure
        default: classified(byCode: code)
        }
    }

    /// A 404 for the namespace, or for a path that the server does not serve, says nothing about the object.
    private static func isAboutObject(_ status: Status, _ operation: KubernetesOperation) -> Bool {
        guard let object = operation.object, let resource = operation.access?.resource else { return false }
        return status.details?.name == object && status.details?.kind == resource
    }

    private static func classified(byCode code: Int) -> Code {
        switch code {
        case 400, 405, 406, 413, 415: .badRequest
        case 401: .unauthorized
        case 403: .forbidden
        case 404: .unknownResource
        case 409: .conflict
        case 410: .expired
        case 422: .invalid
        case 429: .tooManyRequests
        case 502, 503: .unavailable
        case 504: .timeout
        case 500...599: .serverFailure
        default: .other
        }
    }

    /// Without a `Status` only what is as true of a proxy as of the API server may be concluded.
    private static func classified(withoutStatus code: Int) -> Code {
        switch code {
        case 401, 429, 500...599: classified(byCode: code)
        default: .malformedAnswer
        }
    }
}
