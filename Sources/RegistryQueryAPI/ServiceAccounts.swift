public import Builds
import HTTPTypes
public import KubernetesClient
public import Logging

extension RegistryQueryAPI {
    /// The Kubernetes service accounts that may call, with the tokens that their Pods have for this service.
    ///
    /// The API server says whose a token is; see ``ReviewedTokens`` for how often it is asked.
    public struct ServiceAccounts: Sendable {
        /// Asks the API server whose a token is, and for which of the audiences.
        public typealias Review = @Sendable (_ token: String, _ audiences: [String]) async throws -> TokenReview

        /// Whom their tokens must be for.
        public let audience: String
        private let reviewed: ReviewedTokens

        /// Reads who may call.
        /// - Parameters:
        ///   - text: `API_SERVICE_ACCOUNTS`, entries `namespace/name:scope[,scope]` separated by spaces.
        ///   - audience: `API_TOKEN_AUDIENCE`.
        ///   - within: How long the API server may take to say whose a token is, with the wait for its turn; 5 s by default.
        ///   - clock: Measures how long an answer of the API server counts.
        ///   - review: Usually ``KubernetesClient/review(token:audiences:)``.
        /// - Throws: ``InvalidInput`` that names the variable and the entry.
        public init<Time: Clock>(
            _ text: String, audience: String = "registry-query", within: Duration = .seconds(5), logger: Logger,
            clock: Time = ContinuousClock(), review: @escaping Review
        ) throws(InvalidInput) where Time.Duration == Duration {
            let grants = try Self.grants(text)
            try Self.check(audience)
            self.audience = audience
            reviewed = ReviewedTokens(within: within, logger: logger, clock: clock) { token in
                let review = try await review(token, [audience])
                if let reason = review.error {
                    logger.debug("a service account's token was not accepted", metadata: ["reason": "\(reason)"])
                }
                return Self.caller(review, audience: audience, grants: grants)
            }
        }

        /// Whose token it is, or `nil` for one that no service account has for this service.
        ///
        /// What is no JSON Web Token is never sent to the API server.
        /// - Parameter admit: Called before the API server is asked about a token that it has not called good lately.
        /// - Throws: ``Problem`` when the API server cannot say, and from `admit`; `CancellationError`.
        func caller(
            presenting token: Substring, admit: @Sendable () throws -> Void = {}
        ) async throws -> Caller? {
            guard Self.isWebToken(token) else { return nil }
            do {
                return try await reviewed.caller(presenting: String(token), admit: admit)
            } catch let error as CancellationError {
                throw error
            } catch let problem as Problem {
                throw problem
            } catch let error as KubernetesError where error.code == .forbidden {
                throw Problem(
                    .clusterUnavailable,
                    "this service is not allowed to ask the API server whose token this is: apply the component "
                        + "deploy/kubernetes/components/token-review, which lets it create tokenreviews, "
                        + "or use a token of API_TOKENS_FILE", headers: [.retryAfter: "10"])
            } catch {
                // The caller is nobody yet, and does not hear what the cluster said; the log has it.
                throw Problem(
                    .clusterUnavailable,
                    "the API server, which knows whether this token of a service account is valid, gives no answer now: "
                        + "try again, or use a token of API_TOKENS_FILE", headers: [.retryAfter: "1"])
            }
        }

        // MARK: Reading settings

        private static func grants(_ text: String) throws(InvalidInput) -> [String: Set<AccessScope>] {
            var grants: [String: Set<AccessScope>] = [:]
            for entry in text.split(whereSeparator: \.isWhitespace) {
                let parts = entry.split(separator: ":", omittingEmptySubsequences: false)
                let account = parts[0].split(separator: "/", omittingEmptySubsequences: false)
                guard parts.count == 2, account.count == 2 else {
                    throw refusal(entry, "it is not of the form namespace/name:scope[,scope]")
                }
                guard isName(account[0], longest: 63, mayHaveDots: false) else {
                    throw refusal(entry, "the namespace must have 1 to 63 of a-z, 0-9 and '-'")
                }
                guard isName(account[1], longest: 253, mayHaveDots: true) else {
                    throw refusal(entry, "the account's name must have 1 to 253 of a-z, 0-9, '-' and '.'")
                }
                guard let scopes = AccessScope.list(parts[1]) else {
                    throw refusal(entry, "the scopes must be of \(AccessScope.names), separated by commas")
                }
                guard grants.updateValue(scopes, forKey: String(parts[0])) == nil else {
                    throw refusal(entry, "the account has an earlier entry already; write its scopes into one")
                }
            }
            guard !grants.isEmpty else {
                throw InvalidInput(
                    field: "API_SERVICE_ACCOUNTS",
                    "there is no account in it; write entries of the form namespace/name:scope[,scope]")
            }
            return grants
        }

        private static func refusal(_ entry: Substring, _ reason: String) -> InvalidInput {
            InvalidInput(field: "API_SERVICE_ACCOUNTS", "the entry \(quoted(String(entry))): \(reason)")
        }

        /// Spec: Kubernetes, "Object Names and IDs".
        private static func isName(_ text: Substring, longest: Int, mayHaveDots: Bool) -> Bool {
            let ends = [text.utf8.first, text.utf8.last]
            return (1...longest).contains(text.utf8.count)
                && ends.allSatisfy { $0 != UInt8(ascii: "-") && $0 != UInt8(ascii: ".") }
                && text.utf8.allSatisfy { byte in
                    switch byte {
                    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                        UInt8(ascii: "-"):
                        true
                    case UInt8(ascii: "."): mayHaveDots
                    default: false
                    }
                }
        }

        private static func check(_ audience: String) throws(InvalidInput) {
            guard (1...253).contains(audience.utf8.count), audience.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
                throw InvalidInput(
                    field: "API_TOKEN_AUDIENCE",
                    "\(quoted(audience)) must have 1 to 253 visible ASCII characters and no space")
            }
            guard !audience.contains("kubernetes.default.svc") else {
                throw InvalidInput(
                    field: "API_TOKEN_AUDIENCE",
                    "\(quoted(audience)) is the API server itself: callers would hand over tokens with which anybody "
                        + "could use the cluster in their name; choose another, such as registry-query")
            }
        }

        // MARK: Tokens

        /// Three parts in base64url of which the first one, like every JSON object, begins with `eyJ`.
        ///
        /// Spec: RFC 7515 section 3.1.
        static func isWebToken(_ text: Substring) -> Bool {
            guard text.utf8.count <= 8192, text.hasPrefix("eyJ") else { return false }
            let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
            return parts.count == 3
                && parts.allSatisfy { part in
                    !part.isEmpty && part.count % 4 != 1
                        && part.allSatisfy { byte in
                            switch byte {
                            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                                true
                            default: false
                            }
                        }
                }
        }

        /// Who that is; an account that is granted nothing is somebody who may do nothing.
        ///
        /// Spec: Kubernetes API, TokenReviewStatus: the audiences in the answer have to be looked at, because not
        /// every authenticator does.
        private static func caller(
            _ review: TokenReview, audience: String, grants: [String: Set<AccessScope>]
        ) -> Caller? {
            guard review.isAuthenticated, review.audiences.contains(audience), let username = review.username else {
                return nil
            }
            let parts = username.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count == 4, parts[0] == "system", parts[1] == "serviceaccount",
                isName(parts[2], longest: 63, mayHaveDots: false), isName(parts[3], longest: 253, mayHaveDots: true)
            else { return nil }
            let name = "\(parts[2])/\(parts[3])"
            return Caller(name: name, scopes: grants[name] ?? [])
        }
    }
}
