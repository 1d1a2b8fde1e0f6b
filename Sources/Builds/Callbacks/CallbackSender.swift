public import FoundationEssentials
public import HTTPTransport
internal import HTTPTypes

/// Calls back whoever asked for a build: one POST, signed, to the URL as it was given.
///
/// Spec: Standard Webhooks 1.0.0.
public struct CallbackSender: Sendable {
    /// How long one attempt may take.
    static let longestAttempt: Duration = .seconds(10)
    /// How much of that is for what follows the head of the answer.
    private static let longestReading: Duration = .seconds(1)
    /// How much of an answer is read.
    static let longestAnswer = 64 * 1024

    private let transport: any Transport
    private let targets: CallbackTargets
    private let secret: @Sendable () -> CallbackSecret?
    private let userAgent: String
    private let document: @Sendable (Build) -> [UInt8]
    private let clock: any Clock<Duration>
    private let now: @Sendable () -> Date

    /// Puts the sender together.
    /// - Parameters:
    ///   - transport: Has to refuse the addresses that ``CallbackTargets/refuses(_:apiServer:)`` refuses, and no proxy.
    ///   - targets: Asked again before each attempt.
    ///   - secret: The keys as they are now; without any, nothing is signed.
    ///   - document: The body that tells of a build. It must be the same for the same build.
    ///   - clock: Measures the time of an attempt.
    ///   - now: The time of day, which is signed.
    public init(
        transport: any Transport, targets: CallbackTargets, secret: @escaping @Sendable () -> CallbackSecret? = { nil },
        userAgent: String, document: @escaping @Sendable (Build) -> [UInt8],
        clock: any Clock<Duration> = ContinuousClock(), now: @escaping @Sendable () -> Date = { Date() }
    ) {
        self.transport = transport
        self.targets = targets
        self.secret = secret
        self.userAgent = userAgent
        self.document = document
        self.clock = clock
        self.now = now
    }

    /// Sends once.
    /// - Throws: `CancellationError`, and nothing else.
    func attempt(_ build: Build) async throws -> CallbackAttempt {
        let url: HTTPURL
        do {
            guard let text = build.callbackURL else { return .refused("its URL is gone") }
            url = try targets.check(text)
        } catch {
            return .refused(error.reason)
        }
        let (request, hidden) = request(for: build, to: url, secret())
        do {
            let patience = Self.longestAttempt - Self.longestReading
            let response = try await clock.within(patience) { [transport] in try await transport.send(request) }
            guard let response else { return .unanswered("no answer within \(patience.components.seconds) s") }
            let isSuccess = response.status.kind == .successful
            // The answer has been given with its head; what breaks off, hangs or is too long changes nothing.
            let said = try? await clock.within(Self.longestReading) { await Self.beginning(of: response.body) }
            return .answered(
                status: response.status.code, retryAfter: response.headerFields.retryAfter(now: now()),
                said: isSuccess ? "" : Self.shown((said ?? nil) ?? "", of: url, without: hidden))
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            try Task.checkCancellation()
            return .unanswered(Self.shown("\(error)", of: url, without: hidden))
        }
    }

    /// The request, and what in it must not be shown.
    private func request(
        for build: Build, to url: HTTPURL, _ secret: CallbackSecret?
    ) -> (OutboundRequest, hidden: [String]) {
        var hidden: [String] = []
        // What came of earlier attempts would make each body another one.
        let body = document(build.withoutCallback)
        let timestamp = Int(now().timeIntervalSince1970)
        var fields: HTTPFields = [.contentType: "application/json", .userAgent: userAgent]
        func set(_ name: String, _ value: String) { HTTPField.Name(name).map { fields[$0] = value } }
        fields.traceparent = build.traceparent
        set("webhook-id", build.callbackID)
        set("webhook-timestamp", "\(timestamp)")
        if let secret {
            let signatures = secret.signatures(id: build.callbackID, timestamp: timestamp, body: body)
            set("webhook-signature", signatures)
            set("X-Callback-Secret", secret.first)
            hidden = secret.texts + signatures.split(separator: " ").map { String($0.dropFirst("v1,".count)) }
        }
        let request = OutboundRequest(
            method: .post, url: url, headerFields: fields, body: body,
            limits: ExchangeLimits(
                connect: .seconds(5), idle: Self.longestAttempt, total: Self.longestAttempt))
        return (request, hidden)
    }

    // MARK: What may be shown

    private static func beginning(of body: ResponseBody) async -> String {
        var bytes: [UInt8] = []
        do {
            for try await chunk in body {
                bytes += chunk
                if bytes.count >= longestAnswer { break }
            }
        } catch {
            // What came before is told.
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// A text from elsewhere without anything of the URL beyond its host, which lets whoever knows it call, and without
    /// what was sent along, which a receiver may echo.
    private static func shown(_ text: String, of url: HTTPURL, without hidden: [String]) -> String {
        // JSON may have it that way.
        var clean = text.replacing("\\/", with: "/")
            .replacing(url.withoutQuery, with: "\(url.scheme.rawValue)://\(url.authority)")
        let written = [url.pathAndQuery] + url.pathAndQuery.split { "/?&=".contains($0) }.map(String.init)
        let plain = written.flatMap { [$0, $0.replacing("+", with: " ")] }.map(decoded)
        // Base64 is shown without its padding by some; where its other characters are escaped, what is between them counts.
        let keys = hidden.flatMap { text in [text] + text.split { "+/=".contains($0) }.map(String.init) }
        let pieces = Set(written + plain + keys).filter { $0.utf8.count >= 6 }
        for piece in pieces.sorted(by: { $0.utf8.count > $1.utf8.count }) {
            clean = clean.replacing(piece, with: "***")
        }
        return redacted(clean.split(whereSeparator: \.isWhitespace).joined(separator: " "), limit: 200)
    }

    /// A text without its percent-encoding; what is broken stays.
    private static func decoded(_ text: String) -> String {
        var output: [UInt8] = []
        var bytes = Array(text.utf8)[...]
        while let byte = bytes.popFirst() {
            if byte == UInt8(ascii: "%"), bytes.count >= 2,
                let value = UInt8(String(decoding: bytes.prefix(2), as: UTF8.self), radix: 16)
            {
                output.append(value)
                bytes = bytes.dropFirst(2)
            } else {
                output.append(byte)
            }
        }
        return String(decoding: output, as: UTF8.self)
    }
}

extension Build {
    /// The id of its callback: the same at each attempt and in each process, and another for each attempt to build.
    var callbackID: String { "msg_\(id)_\(Int64((createdAt.timeIntervalSince1970 * 1000).rounded()))" }

    /// The build as it ended, whatever has come of telling that.
    var withoutCallback: Build {
        var build = self
        build.callback = nil
        return build
    }

    /// The host that its callback goes to.
    public var callbackHost: String? { callbackURL.flatMap { try? HTTPURL($0) }?.host }
}
