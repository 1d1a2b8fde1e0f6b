public import Builds
import HTTPTypes
import Hummingbird

extension RegistryQueryAPI {
    /// Who may call.
    public enum Access: Sendable {
        /// Callers with a token, from anywhere: one of the file, or one of a Kubernetes service account, or either.
        case tokens(TokenStore?, ServiceAccounts? = nil)
        /// Everybody on this machine, and no web page in anybody's browser.
        ///
        /// `Host` must name the machine itself, so that a foreign name that resolves to it (DNS rebinding) gets
        /// nowhere, and a request that a browser marks as another site's is refused.
        case local
        /// Everybody who reaches the service, and no web page of another site.
        case anonymous
    }
}

/// Decides who may call what.
struct Gatekeeper: Sendable {
    let access: RegistryQueryAPI.Access
    /// The host of the listen address, which is a good `Host` too.
    let listenHost: String

    /// Who asks; `nil` where callers have no names.
    /// - Parameters:
    ///   - scope: What the caller will need, for those who have to be told.
    ///   - admit: Called before anybody else is asked about a token that nobody here knows; throws where it may not be.
    /// - Throws: ``Problem`` for callers without a valid token, for web pages, and when nobody can say whether a token is
    ///   valid; what `admit` throws; `CancellationError`.
    func identify(
        _ request: HTTPRequest, needing scope: AccessScope? = nil, admit: @Sendable () throws -> Void
    ) async throws -> Caller? {
        switch access {
        case .tokens(let tokens, let accounts):
            return try await caller(of: request, tokens, accounts, scope, admit)
        case .local:
            guard isLocal(request.authority) else {
                throw Problem(
                    .hostNotAllowed,
                    "the Host header says \(quoted(request.authority ?? "")), but without tokens this service answers "
                        + "only to the names of this machine: use localhost or 127.0.0.1, or configure API_TOKENS_FILE")
            }
            try refuseOtherSites(request)
        case .anonymous:
            try refuseOtherSites(request)
        }
        return nil
    }

    /// Refuses a caller who lacks the scope.
    func check(_ caller: Caller?, _ scope: AccessScope) throws(Problem) {
        guard let caller, !caller.may(scope) else { return }
        let lack =
            caller.isServiceAccount
            ? "the service account \"\(caller.name)\" lacks the scope \(scope.rawValue), which API_SERVICE_ACCOUNTS can grant"
            : "the token \"\(caller.name)\" lacks the scope \(scope.rawValue), which its line in API_TOKENS_FILE can grant"
        throw Problem(
            .forbidden, lack,
            headers: [.wwwAuthenticate: "Bearer error=\"insufficient_scope\", scope=\"\(scope.rawValue)\""])
    }

    /// Spec: RFC 6750 sections 2.1 and 3.
    private func caller(
        of request: HTTPRequest, _ tokens: TokenStore?, _ accounts: RegistryQueryAPI.ServiceAccounts?,
        _ scope: AccessScope?, _ admit: @Sendable () throws -> Void
    ) async throws -> Caller {
        let sent = request.headerFields[values: .authorization]
        let ways = [
            tokens.map { _ in "a token of API_TOKENS_FILE" },
            accounts.map { "the token of a Kubernetes service account for the audience \(quoted($0.audience))" },
        ].compactMap(\.self).joined(separator: " or ")
        let need = scope.map { "with the scope \($0.rawValue) " } ?? ""
        guard let credentials = sent.first else {
            throw Problem(
                .unauthorized,
                "a token \(need)is needed: send the header Authorization: Bearer <token>, with \(ways)",
                headers: [.wwwAuthenticate: scope.map { "Bearer scope=\"\($0.rawValue)\"" } ?? "Bearer"])
        }
        let parts = credentials.split(separator: " ", omittingEmptySubsequences: true)
        if sent.count == 1, parts.count == 2, parts[0].lowercased() == "bearer" {
            if let caller = tokens?.caller(presenting: parts[1].utf8) { return caller }
            if let caller = try await accounts?.caller(presenting: parts[1], admit: admit) { return caller }
        }
        throw Problem(
            .unauthorized,
            "the token is not valid here: send one \(need)in the one header Authorization: Bearer <token>, which is "
                + "\(ways)",
            headers: [.wwwAuthenticate: "Bearer error=\"invalid_token\""])
    }

    /// Browsers send `Origin` with whatever another site's page could use to change something, and `Sec-Fetch-Site`
    /// with everything.
    ///
    /// Spec: Fetch, "Origin header"; Fetch Metadata, section 2.4.
    private func refuseOtherSites(_ request: HTTPRequest) throws(Problem) {
        let own = request.authority.map { ["http://\($0)", "https://\($0)"] } ?? []
        let origin = request.headerFields[values: .origin]
        let site = request.headerFields.values(named: "Sec-Fetch-Site")
        let isOwn = origin.allSatisfy { own.contains($0.lowercased()) }
        guard isOwn, site.allSatisfy({ $0 == "same-origin" || $0 == "none" }) else {
            throw Problem(
                .crossSiteRefused,
                "a web page of another site must not use this service; configure API_TOKENS_FILE to call it from there")
        }
    }

    private func isLocal(_ authority: String?) -> Bool {
        guard let authority else { return false }
        let host = Self.host(of: authority)
        return host == listenHost.lowercased() || Self.isLoopback(host)
    }

    /// The host in `host[:port]`, in lower case and without the brackets of an IPv6 address.
    static func host(of authority: String) -> String {
        var host = authority.lowercased()[...]
        if host.hasPrefix("["), let end = host.firstIndex(of: "]") { return String(host[..<end].dropFirst()) }
        if let colon = host.lastIndex(of: ":") { host = host[..<colon] }
        return String(host)
    }

    /// Whether a host name or address (without brackets) is this machine's own.
    static func isLoopback(_ host: String) -> Bool {
        if host == "localhost" || host == "::1" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127"
            && parts.allSatisfy { part in
                (1...3).contains(part.utf8.count) && part.utf8.allSatisfy { (0x30...0x39).contains($0) }
            }
    }
}

extension RegistryQueryAPI.Access {
    /// Who may call a service that listens on `host`.
    /// - Throws: ``InvalidInput`` for `LISTEN` when everybody on a network could call and nobody said that they may.
    public init(
        tokens: TokenStore?, serviceAccounts: RegistryQueryAPI.ServiceAccounts? = nil, listeningOn host: String,
        allowAnonymous: Bool
    ) throws(InvalidInput) {
        if tokens != nil || serviceAccounts != nil {
            self = .tokens(tokens, serviceAccounts)
        } else if Gatekeeper.isLoopback(host.lowercased()) {
            self = .local
        } else if allowAnonymous {
            self = .anonymous
        } else {
            throw InvalidInput(
                field: "LISTEN",
                "\(quoted(host)) can be reached from other machines, and everybody there could start builds; "
                    + "set API_TOKENS_FILE or API_SERVICE_ACCOUNTS, listen on 127.0.0.1, or set ALLOW_ANONYMOUS=true")
        }
    }
}
