import KubernetesClient

extension APIServer {
    /// Whom tokens are for that were not made for anybody else.
    static let ownAudience = "https://kubernetes.default.svc.cluster.local"

    /// Says whose token it is, if it is for one of the audiences asked about; the API server itself, if none is named.
    func reviewToken(_ request: APIRequest) throws(Refusal) -> APIAnswer {
        let posted = try document(in: request, kind: "TokenReview", apiVersion: "authentication.k8s.io/v1")
        var review = posted
        review["metadata"] = [:]
        review["status"] = status(
            ofToken: posted["spec"]?["token"]?.string ?? "",
            for: posted["spec"]?["audiences"]?.array?.compactMap(\.string) ?? [])
        return APIAnswer(review, status: 201)
    }

    private func status(ofToken token: String, for audiences: [String]) -> JSONValue {
        let settings = settings
        let own = settings.tokens[token].map { ReviewedToken(username: $0, audiences: [Self.ownAudience]) }
        guard let found = settings.reviewedTokens[token] ?? own else {
            return ["user": [:], "error": "invalid bearer token"]
        }
        let wanted = audiences.isEmpty ? [Self.ownAudience] : audiences
        let common = wanted.filter(found.audiences.contains)
        guard !common.isEmpty else {
            return [
                "user": [:],
                "error": .string(
                    "[invalid bearer token, token audiences \(Self.list(found.audiences)) is invalid for the target "
                        + "audiences \(Self.list(wanted))]"),
            ]
        }
        var groups: [JSONValue] = ["system:authenticated"]
        let parts = found.username.split(separator: ":")
        if parts.count == 4, parts[0] == "system", parts[1] == "serviceaccount" {
            groups = ["system:serviceaccounts", .string("system:serviceaccounts:\(parts[2])")] + groups
        }
        return [
            "authenticated": true,
            "user": [
                "username": .string(found.username), "uid": .string(newUID()), "groups": .array(groups),
                "extra": [
                    "authentication.kubernetes.io/credential-id": [.string("JTI=\(newUID())")]
                ],
            ],
            "audiences": .array(common.map(JSONValue.string)),
        ]
    }

    private static func list(_ words: [String]) -> String {
        "[\(words.map { "\"\($0)\"" }.joined(separator: " "))]"
    }
}
