internal import FoundationEssentials
internal import HTTPTransport
internal import HTTPTypes

/// A token server as a registry's Bearer challenge names it.
///
/// Spec: Distribution, "Token Authentication Specification" (GET) and "OAuth2 Token Authentication" (POST).
struct TokenServer: Hashable, Sendable {
    /// Where it is, with the query it may have.
    var realm: HTTPURL
    /// Whom the token is for; left out of the request where the challenge has none.
    var service: String?

    private static let longestAnswer = 64 * 1024
    /// One request; a token server that needs longer would use up the time of the request that waits for it.
    private static let requestTime = Duration.seconds(8)
    private static let clientID = "registry-query"

    /// Asks for a token.
    ///
    /// An identity token is presented by POST; a server that does not know that (404, 405) is asked by GET as always.
    /// - Throws: ``RegistryError``, with code `unauthorized` or `denied` when the credential is refused;
    ///   `CancellationError`.
    func token(
        for scope: TokenScope, with credential: Credential?, over exchange: Exchange, tls: TLSOptions,
        retry: RetryPolicy, clock: any Clock<Duration>
    ) async throws -> BearerToken {
        if let credential, !credential.identityToken.isEmpty {
            // Not repeated: a refresh token may be good for one use.
            let answer = try await send(posting(credential.identityToken, scope, tls), exchange, .none, clock)
            if ![404, 405].contains(answer.status) { return try read(answer, exchange) }
        }
        return try read(try await send(getting(scope, credential, tls), exchange, retry, clock), exchange)
    }

    private var operation: String { "get a token from \(realm.withoutQuery)" }

    private func getting(_ scope: TokenScope, _ credential: Credential?, _ tls: TLSOptions) -> OutboundRequest {
        let items = (service.map { [("service", $0)] } ?? []) + scope.values.map { ("scope", $0) }
        var request = OutboundRequest(
            url: realm.appending(query: items.map { (name: $0.0, value: $0.1) }),
            headerFields: [.accept: "application/json"],
            limits: limits, tls: tls)
        request.headerFields[.authorization] = credential?.basicAuthorization
        return request
    }

    private func posting(_ refreshToken: String, _ scope: TokenScope, _ tls: TLSOptions) -> OutboundRequest {
        var items = [("grant_type", "refresh_token"), ("refresh_token", refreshToken), ("client_id", Self.clientID)]
        if let service { items.append(("service", service)) }
        if !scope.values.isEmpty { items.append(("scope", scope.values.joined(separator: " "))) }
        let form = items.map { "\($0.0)=\(formEncoded($0.1))" }.joined(separator: "&")
        return OutboundRequest(
            method: .post, url: realm,
            headerFields: [.accept: "application/json", .contentType: "application/x-www-form-urlencoded"],
            body: Array(form.utf8), limits: limits, tls: tls)
    }

    private var limits: ExchangeLimits { ExchangeLimits(total: Self.requestTime, bodyBytes: Self.longestAnswer) }

    private func send(
        _ request: OutboundRequest, _ exchange: Exchange, _ retry: RetryPolicy, _ clock: any Clock<Duration>
    ) async throws -> RegistryAnswer {
        var request = request
        request.headerFields.traceparent = Correlation.current?.traceparent
        return try await retry.run(clock: clock) { [request] _, _ in
            do {
                let answer = try await exchange.answer(to: request, isRegistry: false)
                guard RegistryError.transientStatuses.contains(answer.status) else { return .done(answer) }
                return .again(after: answer.retryAfter, failure: RegistryError(answer, operation: operation))
            } catch let error as TransportError {
                let failure = RegistryError(error, operation: operation)
                guard error.isTransient else { throw failure }
                return .again(after: nil, failure: failure)
            }
        }
    }

    private func read(_ answer: RegistryAnswer, _ exchange: Exchange) throws -> BearerToken {
        guard answer.status == 200 else {
            var error = RegistryError(answer, operation: operation)
            // A refresh token that is no longer good is a 400 in OAuth 2.0. Spec: RFC 6749 section 5.2.
            if answer.status == 400, !error.isTransient { error.code = .unauthorized }
            throw error
        }
        do {
            return try BearerToken(answer.body, now: exchange.now())
        } catch {
            throw RegistryError(.malformedAnswer, operation: operation, summary: error.reason, status: answer.status)
        }
    }
}

/// Everything but the unreserved characters, byte by byte.
///
/// Spec: RFC 3986 section 2.1, which form encoding may use for spaces, too.
private func formEncoded(_ text: String) -> String {
    text.utf8.reduce(into: "") { encoded, byte in
        if byte.isASCIIAlphanumeric || "-._~".utf8.contains(byte) {
            encoded.unicodeScalars.append(Unicode.Scalar(byte))
        } else {
            let digits = String(byte, radix: 16, uppercase: true)
            encoded += digits.utf8.count == 1 ? "%0\(digits)" : "%\(digits)"
        }
    }
}
