internal import HTTPTransport
internal import HTTPTypes

extension RegistryError {
    /// What an answer with a status other than 2xx means.
    ///
    /// NAME_UNKNOWN and MANIFEST_UNKNOWN lead to decisions ("no versions yet", "the tag is free"), so they count only
    /// where the registry says nothing else: with status 404, in a well-formed body, from the registry itself and not
    /// from where it redirected to.
    init(_ answer: RegistryAnswer, operation: String) {
        let body = RegistryErrorBody(answer.body)
        let ownCode = body?.errors.first.map { Code(rawValue: $0.code) }
        let code: Code
        switch answer.status {
        case 401: code = .unauthorized
        case 403: code = .denied
        case 404:
            let certain = [Code.nameUnknown, .manifestUnknown, .blobUnknown].first { body?.saysOnly($0) ?? false }
            code = answer.isFromRegistry ? certain ?? .notFound : .notFound
        case 408: code = .timeout
        case 429: code = .tooManyRequests
        case 500...599: code = .unavailable
        default:
            // A status that is not 404 does not say that something is unknown, whatever the body claims.
            let claimed = ownCode.flatMap { [.nameUnknown, .manifestUnknown, .blobUnknown].contains($0) ? nil : $0 }
            code = claimed ?? .unexpectedStatus
        }
        let said: String
        if let body {
            said = ": \(body.summary)"
        } else if answer.body.isEmpty {
            said = " without a body"
        } else {
            let text = String(decoding: answer.body.prefix(400), as: UTF8.self)
            said = ", not in a registry's form: \(redacted(text, limit: 120))"
        }
        self.init(
            code, operation: operation, summary: "\(answer.url.authority) answered \(answer.status)\(said)",
            status: answer.status, retryAfter: answer.retryAfter,
            isTransient: Self.transientStatuses.contains(answer.status))
    }

    /// What may go better a moment later.
    ///
    /// 499 and 522 are what proxies say of their own broken connections.
    static let transientStatuses: Set<Int> = [408, 429, 499, 500, 502, 503, 504, 522]
}
