import Builds
import HTTPTypes
import Hummingbird
import Logging

/// `POST /webhooks/github`.
///
/// Nothing is looked at before the signature is known to be right, except headers.
struct GitHubDeliveries: Sendable {
    private static let json = "application/json"
    private static let form = "application/x-www-form-urlencoded"

    let builds: BuildService
    private let arriving = ArrivingBodies()
    private let largeBodies = LargeBodies()

    init(builds: BuildService) { self.builds = builds }

    /// What a delivery tells.
    private enum Event: Sendable {
        case push(Push)
        case other(String)
    }

    func receive(_ request: APIRequest) async throws -> Response {
        let start = ContinuousClock.now
        guard let webhook = request.configuration.github else {
            throw Self.unread(
                .webhookUnconfigured,
                "this service has no secret for the webhooks of GitHub; configure GITHUB_WEBHOOK_SECRET_FILE")
        }
        switch try await event(of: request, webhook) {
        case .other("ping"):
            APIMetrics.count(.ignored, ofWebhookFrom: "github")
            return Response(json: [
                "event": "ping",
                "message": .string(
                    "the signature is right; pushes to \(webhook.git.branch) build what they touch of \(webhook.paths)"),
            ])
        case .other(let name):
            return Self.ignored(name, "the event \(name) leads to no build; only push does")
        case .push(let push):
            if let reason = PushScope(webhook.git).reasonToIgnore(push) { return Self.ignored("push", reason) }
            let report = await PushBuilds(
                builds: builds, push: push, webhook: webhook, deadline: start + webhook.answerWithin,
                requestedBy: push.sender.map { "github/\($0)" } ?? "github", logger: request.logger
            ).report()
            request.concerned.note((report.builds + report.cancelled).map(\.id))
            request.logger.info(
                "push answered",
                metadata: [
                    "repository": "\(quoted(push.repository))", "commit": "\(push.after)",
                    "builds": "\(report.builds.count)", "skipped": "\(report.skipped.count)",
                    "failed": "\(report.failed.count)",
                ])
            let response = try report.response(push, paths: webhook.paths)
            APIMetrics.count(report.builds.isEmpty ? .ignored : .accepted, ofWebhookFrom: "github")
            return response
        }
    }

    private static func ignored(_ event: String, _ reason: String) -> Response {
        APIMetrics.count(.ignored, ofWebhookFrom: "github")
        return Response(json: ["event": .string(event), "ignored": .string(reason)])
    }

    // MARK: Reading

    /// Reads a delivery and checks its signature before anything else.
    private func event(of request: APIRequest, _ webhook: GitHubWebhook) async throws -> Event {
        guard let signature = GitHubSignature(request.raw.headers) else {
            throw Self.unread(
                .invalidSignature,
                "the header X-Hub-Signature-256 is missing or not of the form sha256=<64 digits>; "
                    + "set the same secret at the webhook as in GITHUB_WEBHOOK_SECRET_FILE")
        }
        let end = ContinuousClock.now + webhook.answerWithin
        do {
            return try await arriving.withBody(within: Self.time(for: request, webhook)) { admit in
                try await request.bytes(atMost: webhook.maximumBodyBytes, admit: admit)
            } use: { bytes in
                guard webhook.secrets.verify(signature, of: bytes) else {
                    throw Problem(
                        .invalidSignature,
                        "the signature is not that of this body: the webhook's secret differs from "
                            + "GITHUB_WEBHOOK_SECRET_FILE, or something on the way has changed the body")
                }
                return try await parsed(request, bytes, until: end)
            }
        } catch is DeadlineExceeded {
            throw Self.unread(.requestTimeout, "the payload did not arrive in time, or stopped on the way")
        }
    }

    /// How long the body may take to arrive: 5 s and its size at 64 KiB a second, but no longer than the answer.
    private static func time(for request: APIRequest, _ webhook: GitHubWebhook) -> Duration {
        let bytes = min(request.announcedBytes ?? webhook.maximumBodyBytes, webhook.maximumBodyBytes)
        return min(webhook.answerWithin, .seconds(5) + .milliseconds(bytes / 64))
    }

    /// Reads a delivery that is signed; a few large ones at a time, because what is made of them is larger still.
    private func parsed(
        _ request: APIRequest, _ bytes: [UInt8], until end: ContinuousClock.Instant
    ) async throws -> Event {
        do {
            return try await withDeadline(end - .now) {
                try await largeBodies.withPlace(forBytes: bytes.count) { try Self.event(of: request, bytes) }
            }
        } catch is DeadlineExceeded {
            throw Problem(
                .buildsNotStarted, "other large payloads were in the way for too long; redeliver the webhook later",
                headers: [.retryAfter: "10"])
        }
    }

    private static func event(of request: APIRequest, _ bytes: [UInt8]) throws(Problem) -> Event {
        try request.refuseParameters()
        let name = "X-GitHub-Event"
        let sent = request.raw.headers.values(named: name)
        guard sent.count == 1, let event = sent.first, (1...64).contains(event.utf8.count),
            event.utf8.allSatisfy({ (0x61...0x7a).contains($0) || $0 == UInt8(ascii: "_") })
        else {
            throw Problem(.malformedRequest, "\(name): must be the name of one event, such as push", field: name)
        }
        let isForm = try request.mediaType(among: [json, form]) == form
        guard event == "push" else { return .other(event) }
        return .push(try Push(github: Payload(parsing: isForm ? payload(inForm: bytes) : bytes)))
    }

    /// The JSON in a form's field `payload`.
    private static func payload(inForm bytes: [UInt8]) throws(Problem) -> [UInt8] {
        let prefix = Array("payload=".utf8)
        guard let field = bytes.split(separator: UInt8(ascii: "&")).first(where: { $0.starts(with: prefix) }),
            let text = String(validating: field.dropFirst(prefix.count), as: UTF8.self),
            let payload = percentDecoded(text, plusIsSpace: true)
        else {
            throw Problem(
                .invalidPayload, "payload: the form has no such field, or it is not percent-encoded UTF-8",
                field: "payload")
        }
        return Array(payload.utf8)
    }

    /// A problem of a request whose body was not read, and will not be.
    private static func unread(_ code: ProblemCode, _ detail: String) -> Problem {
        Problem(code, detail).closingConnection
    }
}
