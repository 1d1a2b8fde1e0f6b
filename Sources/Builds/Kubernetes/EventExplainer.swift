internal import HTTPTransport
internal import KubernetesClient
internal import Synchronization

/// Finds out from the cluster's Events why a build does not start, where neither its Job nor its Pod tells.
///
/// A Secret that is missing, a quota that is used up and a Pod that is refused are told nowhere else.
final class EventExplainer: Sendable {
    /// How long an answer is kept.
    private static let longestAge: Duration = .seconds(5)
    /// How many answers are kept.
    private static let mostAnswers = 256
    /// How long the question may take.
    private static let longestQuestion: Duration = .seconds(3)

    private struct Answer {
        var explanation: String?
        var age: @Sendable () -> Duration
    }

    private let client: KubernetesClient
    private let clock: any Clock<Duration>
    private let answers = Mutex<[String: Answer]>([:])

    init(client: KubernetesClient, clock: any Clock<Duration>) {
        self.client = client
        self.clock = clock
    }

    /// One sentence, or `nil` where the Events tell nothing or may not be read.
    /// - Throws: `CancellationError`.
    func explanation(of job: Job, _ pod: Pod?) async throws -> String? {
        guard let uid = pod?.metadata.uid ?? job.metadata.uid else { return nil }
        let age = clock.stopwatch()
        let known = answers.withLock { answers -> Answer? in
            if let known = answers[uid], known.age() < Self.longestAge { return known }
            // Whoever asks meanwhile has to do with what was known before.
            if answers.count >= Self.mostAnswers { answers.removeAll() }
            answers[uid] = Answer(explanation: answers[uid]?.explanation, age: age)
            return nil
        }
        if let known { return known.explanation }
        let explanation: String?
        do {
            let events = try await clock.within(Self.longestQuestion) { [client] in
                try await client.events(about: uid)
            }
            explanation = events.flatMap { Self.explanation(in: $0, hasPod: pod != nil, client.namespace) }
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            // The account may lack the right; what Job and Pod tell has to do then.
            explanation = nil
        }
        answers.withLock { $0[uid] = Answer(explanation: explanation, age: age) }
        return explanation
    }

    static func explanation(in events: [ClusterEvent], hasPod: Bool, _ namespace: String) -> String? {
        // What came after a trouble says that it is over; one that lasts is told again and again.
        guard let event = events.last, event.type == "Warning", !event.message.isEmpty else { return nil }
        // Each attempt to make the Pod has another name: one trouble is to be told in the same words each time.
        let said = hasPod ? event.message : event.message.replacing(#/pods "[^"]*"/#, with: "the Pod")
        let what = hasPod ? "its Pod cannot start" : "no Pod can be made for it"
        let advice = advice(said, namespace).map { " (\($0))" } ?? ""
        return "\(what), \(event.reason): \(redacted(said, limit: 400))\(advice)"
    }

    private static func advice(_ said: String, _ namespace: String) -> String? {
        if let missing = said.firstMatch(of: #/(secret|configmap) "([^"]+)" not found/#.ignoresCase()) {
            let kind = missing.1.lowercased() == "secret" ? "Secret" : "ConfigMap"
            return
                "make the \(kind) \(missing.2) in the namespace \(namespace), or check that Reflector copies it there: "
                + "kubectl -n \(namespace) get \(kind.lowercased()) \(missing.2)"
        }
        if said.contains("exceeded quota") {
            return "wait until other builds have ended, or raise the ResourceQuota of the namespace \(namespace)"
        }
        if said.contains("violates PodSecurity") {
            return
                "BuildKit needs the label pod-security.kubernetes.io/enforce: privileged on the namespace \(namespace)"
        }
        if said.contains("serviceaccount"), said.contains("not found") {
            return "make the service account that the Job template names, as deploy/kubernetes does"
        }
        return nil
    }
}
