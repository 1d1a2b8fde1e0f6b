internal import HTTPTypes

/// What a cluster says it is.
public struct ServerVersion: Sendable, Hashable, Decodable {
    /// Such as `v1.36.2`.
    public var gitVersion: String
}

/// Whether a right is had.
public struct AccessDecision: Sendable, Hashable {
    /// Whether it is.
    public var isAllowed: Bool
    /// Where the right comes from, if the API server says so.
    public var reason: String?
}

extension KubernetesClient {
    /// The version of the API server.
    public func serverVersion() async throws -> ServerVersion {
        let operation = KubernetesOperation("get /version", metricLabel: "get_version")
        let answer = try await answer(to: Call(operation: operation, path: ["version"]))
        return try decoded(ServerVersion.self, from: answer.body, of: operation, kind: nil)
    }

    /// Returns if the API server says that it is ready.
    /// - Throws: ``KubernetesError``
    public func checkReadiness() async throws {
        let operation = KubernetesOperation("get /readyz", metricLabel: "get_readyz")
        let answer = try await answer(to: Call(operation: operation, path: ["readyz"]))
        guard answer.body.starts(with: "ok".utf8) else {
            throw KubernetesError(
                .malformedAnswer, operation,
                message: "\"ok\" was expected, and came: \(String(decoding: answer.body.prefix(200), as: UTF8.self))")
        }
    }

    /// Asks whether the account has a right in the namespace.
    ///
    /// Everybody may ask.
    public func decision(on access: ResourceAccess) async throws -> AccessDecision {
        let operation = KubernetesOperation("review the right to \(access)", metricLabel: "review_access")
        var attributes: JSONValue = [
            "namespace": .string(namespace), "verb": .string(access.verb), "group": .string(access.group),
            "resource": .string(access.resource),
        ]
        if let subresource = access.subresource { attributes["subresource"] = .string(subresource) }
        let review: JSONValue = [
            "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
            "spec": ["resourceAttributes": attributes],
        ]
        let call = Call(
            operation: operation, method: .post,
            path: ["apis", "authorization.k8s.io", "v1", "selfsubjectaccessreviews"], body: review.json())
        // A review changes nothing, so it is repeated like a read.
        let answer = try await answer(to: call, isRepeatable: true)
        let decoded = try decoded(
            ReviewAnswer.self, from: answer.body, of: operation, kind: "SelfSubjectAccessReview")
        return AccessDecision(isAllowed: decoded.status.allowed, reason: decoded.status.reason)
    }
}

private struct ReviewAnswer: Decodable {
    struct Status: Decodable {
        var allowed: Bool
        var reason: String?
    }

    var status: Status
}
