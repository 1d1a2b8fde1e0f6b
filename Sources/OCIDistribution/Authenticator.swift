internal import HTTPTransport
internal import HTTPTypes

/// Knows how one registry wants to be asked, and what to show it.
///
/// The scheme is learned from the first 401; from then on every request carries the right field at once. Credentials
/// are those of this moment; the one that worked last for the same access to a repository is tried first as long as the
/// configuration has it.
actor Authenticator {
    /// What a request is for.
    struct Purpose: Sendable {
        var repository: Repository?
        var access = TokenScope.Access.pull
        var operation: String

        var scope: TokenScope {
            repository.map { .repository($0, access) } ?? (access == .catalog ? .catalog : .registry)
        }
    }

    private enum Scheme {
        case none
        case basic
        case bearer(TokenServer)
    }

    private let configuration: RegistryClient.Configuration
    private let credentials: CredentialStore
    private let exchange: Exchange
    private let clock: any Clock<Duration>
    private let timeline: Timeline
    private var scheme = Scheme.none
    private var tokens = TokenCache()
    private var fetches: [TokenCache.Key: SharedOperation<String>] = [:]
    /// What the registry asked for beyond the scope that a request has by itself.
    private var widened: [TokenScope: TokenScope] = [:]
    private var accepted: [TokenScope: Credential] = [:]

    /// How many repositories are remembered; beyond it all are forgotten, which costs requests and nothing else.
    private static let mostRepositories = 1024

    init(
        configuration: RegistryClient.Configuration, credentials: CredentialStore, exchange: Exchange,
        clock: any Clock<Duration>
    ) {
        self.configuration = configuration
        self.credentials = credentials
        self.exchange = exchange
        self.clock = clock
        timeline = Timeline(clock)
    }

    /// What a request carries at first: nothing before the scheme is known.
    func authorization(for purpose: Purpose) async throws -> Authorization {
        switch scheme {
        case .none:
            return Authorization(kind: .anonymous)
        case .basic:
            let candidates = await candidates(for: purpose, askingHelpersAgain: false)
            return candidates.first { $0.basicAuthorization != nil }.map { Authorization(kind: .basic($0)) }
                ?? Authorization(kind: .anonymous)
        case .bearer(let server):
            let candidates = await candidates(for: purpose, askingHelpersAgain: false)
            return try await bearer(server, purpose, candidates, refused: [])
                ?? Authorization(kind: .anonymous)
        }
    }

    /// What a request carries after everything in `refused` did not help, the last with this answer; `nil` to leave it
    /// at that.
    ///
    /// Each Basic credential is tried once. A token is renewed once at most, and not at all when it was just made and
    /// the registry asks for nothing else. A 403 says that more credentials of the same person do not help, unless it
    /// met a token from before, which may be older than a permission.
    func authorization(
        after refused: [Authorization], answer: RegistryAnswer, for purpose: Purpose
    ) async throws -> Authorization? {
        guard let last = refused.last else { return nil }
        let challenges = Challenge.parse(answer.headerFields[values: .wwwAuthenticate])
        if answer.status == 403 {
            switch last.kind {
            case .anonymous where !challenges.isEmpty: break
            case .token(_, _, _, isNew: false): break
            default: return nil
            }
        }
        try learn(challenges, purpose)
        let candidates = await candidates(for: purpose, askingHelpersAgain: last.credential != nil)
        switch scheme {
        case .none:
            return nil
        case .basic:
            let tried = Set(refused.map(\.kind))
            return candidates.first { $0.basicAuthorization != nil && !tried.contains(.basic($0)) }
                .map { Authorization(kind: .basic($0)) }
        case .bearer(let server):
            if case .token(_, _, let scope, let isNew) = last.kind {
                let isSecond = refused.count(where: \.isToken) > 1
                guard !isSecond, !isNew || widenedScope(of: purpose) != scope else { return nil }
            }
            return try await bearer(server, purpose, candidates, refused: refused)
        }
    }

    /// Remembers what helped.
    func accepted(_ authorization: Authorization, for purpose: Purpose) {
        guard let credential = authorization.credential, accepted[purpose.scope] != credential else { return }
        if accepted.count >= Self.mostRepositories { accepted = [:] }
        accepted[purpose.scope] = credential
    }

    // MARK: Challenges

    /// Takes Bearer before Basic.
    ///
    /// An answer without a challenge says nothing new.
    private func learn(_ challenges: [Challenge], _ purpose: Purpose) throws {
        guard !challenges.isEmpty else { return }
        if let challenge = challenges.first(where: { $0.scheme == "bearer" && $0.parameters["realm"] != nil }) {
            let server = TokenServer(realm: try realm(of: challenge, purpose), service: challenge.parameters["service"])
            scheme = .bearer(server)
            let scope = widenedScope(of: purpose).adding(challenged: challenge.parameters["scope"])
            if scope != purpose.scope {
                if widened.count >= Self.mostRepositories { widened = [:] }
                widened[purpose.scope] = scope
            }
        } else if challenges.contains(where: { $0.scheme == "basic" }) {
            scheme = .basic
        } else {
            throw RegistryError(
                .unknownChallenge, operation: purpose.operation,
                summary: "\(configuration.endpoint.authority) wants to be asked by "
                    + challenges.map { redacted($0.scheme, limit: 32) }.joined(separator: ", ")
                    + ", and this client knows Basic and Bearer with a realm",
                status: 401)
        }
    }

    private func realm(of challenge: Challenge, _ purpose: Purpose) throws -> HTTPURL {
        let policy = TokenRealmPolicy(
            registry: configuration.registry, endpoint: configuration.endpoint,
            allowed: configuration.allowedTokenRealms)
        do {
            let realm = try HTTPURL(challenge.parameters["realm"] ?? "")
            try policy.check(realm)
            return realm
        } catch {
            let reason = (error as? TokenRealmPolicy.Refusal)?.reason ?? "\(error)"
            throw RegistryError(
                .untrustedAddress, operation: purpose.operation,
                summary: "\(configuration.endpoint.authority) sends for a token to "
                    + "\"\(redacted(challenge.parameters["realm"]?.prefix { $0 != "?" } ?? "", limit: 200))\", "
                    + "which gets no credentials: \(reason)",
                status: 401)
        }
    }

    private func widenedScope(of purpose: Purpose) -> TokenScope { widened[purpose.scope] ?? purpose.scope }

    // MARK: Credentials and tokens

    /// The configuration's credentials, the registry's endpoint before its name in references, and what worked before
    /// all.
    private func candidates(for purpose: Purpose, askingHelpersAgain: Bool) async -> [Credential] {
        var candidates = await credentials.credentials(
            for: configuration.credentialHosts, repository: purpose.repository, askingHelpersAgain: askingHelpersAgain)
        if let proven = accepted[purpose.scope], let index = candidates.firstIndex(of: proven) {
            candidates.insert(candidates.remove(at: index), at: 0)
        }
        return candidates
    }

    /// A token by the first credential that gets one, or without a credential where there is none.
    private func bearer(
        _ server: TokenServer, _ purpose: Purpose, _ candidates: [Credential], refused: [Authorization]
    ) async throws -> Authorization? {
        let refusedTokens = refused.compactMap { authorization -> String? in
            if case .token(let value, _, _, _) = authorization.kind { value } else { nil }
        }
        let scope = widenedScope(of: purpose)
        var failure: (any Error)?
        for credential in candidates.isEmpty ? [nil] : candidates.map(Optional.some) {
            if let credential, !credential.registryToken.isEmpty {
                let authorization = Authorization(kind: .registryToken(credential))
                if !refused.contains(authorization) { return authorization }
                if credential.username.isEmpty, credential.identityToken.isEmpty { continue }
            }
            do {
                let key = TokenCache.Key(server: server, scope: scope, credential: credential)
                let (token, isNew) = try await token(for: key, not: refusedTokens)
                return Authorization(kind: .token(token, credential, scope: scope, isNew: isNew))
            } catch var error as RegistryError {
                error.summary = "there is no token from \(server.realm.withoutQuery): \(error.summary)"
                error.operation = purpose.operation
                guard [.unauthorized, .denied].contains(error.code) else { throw error }
                failure = failure ?? error
            }
        }
        if let failure { throw failure }
        return nil
    }

    /// How many wait for a token now.
    var waiterCount: Int { fetches.values.reduce(0) { $0 + $1.waiterCount } }

    private func token(for key: TokenCache.Key, not refused: [String]) async throws -> (String, isNew: Bool) {
        for value in refused { tokens.drop(value, for: key) }
        if let token = tokens.token(for: key, at: timeline.now()) { return (token, false) }
        if let fetch = fetches[key], let ticket = fetch.join() { return (try await fetch.value(for: ticket), true) }

        let fetch = SharedOperation { [weak self, configuration, exchange, clock] in
            let tls = configuration.tls(for: key.server.realm)
            let purpose: RegistryMetrics.Operation = key.scope == .catalog ? .listRepositories : .token
            let token: BearerToken
            do {
                token = try await RegistryMetrics.measured(purpose, clock: clock) {
                    try await key.server.token(
                        for: key.scope, with: key.credential, over: exchange, tls: tls, retry: configuration.retry,
                        clock: clock)
                }
            } catch {
                if !(error is CancellationError) { RegistryMetrics.countRenewal(RegistryMetrics.failed) }
                throw error
            }
            RegistryMetrics.countRenewal(RegistryMetrics.ok)
            await self?.keep(token, for: key)
            return token.value
        }
        fetches[key] = fetch
        fetch.start()
        return (try await fetch.value(for: fetch.makersTicket), true)
    }

    private func keep(_ token: BearerToken, for key: TokenCache.Key) {
        tokens.store(token, for: key, at: timeline.now())
        fetches[key] = nil
    }
}
