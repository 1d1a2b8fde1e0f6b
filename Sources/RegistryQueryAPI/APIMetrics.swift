import HTTPTypes
import Metrics

/// What is counted of requests to the service.
public enum APIMetrics {
    /// What becomes of a webhook that is no problem.
    public enum WebhookOutcome: String, Sendable, CaseIterable {
        /// It started a build, or led to something being asked anew.
        case accepted
        /// It had nothing to do here.
        case ignored
    }

    /// The senders of webhooks, by the last part of their route.
    public static let webhookSources = ["github", "registry"]
    /// All codes of problems that a webhook can come to.
    public static let problemCodes = ProblemCode.allCases.map(\.rawValue)

    private static let methods: Set<HTTPRequest.Method> = [
        .get, .head, .post, .put, .delete, .patch, .options, .connect, .trace,
    ]

    /// Counts a request once its answer begins, which is when everything but a stream is known whole.
    /// - Parameter route: The pattern of the path; `nil` for none.
    static func countRequest(
        _ method: HTTPRequest.Method, route: String?, status: HTTPResponse.Status, duration: Duration
    ) {
        let route = ("route", route ?? "-")
        // A method is whatever the caller writes.
        let method = ("method", methods.contains(method) ? method.rawValue : "other")
        Counter(
            label: "registry_query_http_requests_total",
            dimensions: [route, method, ("status", String(status.code))]
        ).increment()
        Timer(label: "registry_query_http_request_duration_seconds", dimensions: [route]).record(duration: duration)
    }

    static func count(_ outcome: WebhookOutcome, ofWebhookFrom source: String) {
        countWebhook(from: source, outcome.rawValue)
    }

    /// Counts a webhook that came to a problem; other routes count for nothing.
    static func count(_ problem: ProblemCode, of route: String?) {
        guard let source = webhookSources.first(where: { route == "/webhooks/\($0)" }) else { return }
        countWebhook(from: source, problem.rawValue)
    }

    private static func countWebhook(from source: String, _ outcome: String) {
        Counter(
            label: "registry_query_webhooks_total", dimensions: [("source", source), ("outcome", outcome)]
        ).increment()
    }
}
