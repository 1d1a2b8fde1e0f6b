internal import HTTPTransport
internal import HTTPTypes

/// What the API server says of somebody's token.
public struct TokenReview: Sendable, Hashable {
    /// Whether the token is a valid one, and for one of the audiences that were asked about.
    ///
    /// An API server that knows nothing of audiences says so, too: look at ``audiences``.
    public var isAuthenticated: Bool
    /// Whose it is, such as `system:serviceaccount:automation:n8n`.
    public var username: String?
    /// Those of the audiences asked about that the token is for.
    public var audiences: [String]
    /// Why it is not valid, in the API server's words, without secrets.
    public var error: String?

    /// Takes what was said.
    public init(isAuthenticated: Bool, username: String? = nil, audiences: [String] = [], error: String? = nil) {
        self.isAuthenticated = isAuthenticated
        self.username = username
        self.audiences = audiences
        self.error = error
    }
}

extension TokenReview: Decodable {
    private enum CodingKeys: String, CodingKey {
        case status
    }

    private struct Status: Decodable {
        struct User: Decodable {
            var username: String?
        }

        var authenticated: Bool?
        var user: User?
        var audiences: [String]?
        var error: String?
    }

    /// Reads the `status` of a review; what is missing there says no.
    public init(from decoder: any Decoder) throws {
        let status = try decoder.container(keyedBy: CodingKeys.self).decode(Status.self, forKey: .status)
        self.init(
            isAuthenticated: status.authenticated ?? false, username: status.user?.username,
            audiences: status.audiences ?? [], error: status.error.map { redacted($0) })
    }
}

extension KubernetesClient {
    /// Asks the API server whose token this is, and for which of some audiences.
    ///
    /// The call needs the right ``ResourceAccess/tokenReviews``. It changes nothing, so it is repeated like a read.
    /// - Parameters:
    ///   - token: Somebody's JSON Web Token; it is in no error.
    ///   - audiences: Whom the token may be meant for; empty for the API server itself.
    /// - Throws: ``KubernetesError`` when there is no answer; a token that is not valid is one.
    ///
    /// Spec: Kubernetes API, TokenReview authentication.k8s.io/v1.
    public func review(token: String, audiences: [String]) async throws -> TokenReview {
        let kind = ResourceKind.tokenReviews
        let operation = KubernetesOperation(.tokenReviews, namespace: nil)
        var spec: JSONValue = ["token": .string(token)]
        if !audiences.isEmpty { spec["audiences"] = .array(audiences.map(JSONValue.string)) }
        let review: JSONValue = [
            "apiVersion": .string(kind.apiVersion), "kind": .string(kind.kind), "spec": spec,
        ]
        let call = Call(
            operation: operation, method: .post, path: ["apis", kind.group, kind.version, kind.resource],
            body: review.json())
        let answer = try await answer(to: call, isRepeatable: true)
        return try decoded(TokenReview.self, from: answer.body, of: operation, kind: kind.kind)
    }
}
