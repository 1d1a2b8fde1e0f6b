import CurlTransport
import FoundationEssentials
import HTTPTransport
import HTTPTypes
import Logging
import RegistryTesting
import Subprocess
import SystemPackage
import Testing

@testable import Builds

@Suite("One attempt to call back, over real HTTP")
struct CallbackSenderTests {
    private func withTransport<Value>(_ body: (CurlTransport) async throws -> Value) async throws -> Value {
        let transport = CurlTransport(logger: .silent)
        do {
            let value = try await body(transport)
            await transport.shutDown()
            return value
        } catch {
            await transport.shutDown()
            throw error
        }
    }

    private func attempt(
        _ url: String, targets: String = "http://127.0.0.1", secret: String? = nil,
        clock: any Clock<Duration> = MonotonousClock.patient
    ) async throws -> CallbackAttempt {
        try await withTransport { transport in
            try await callbackSender(transport, targets: targets, secret: secret, clock: clock)
                .attempt(endedBuild(url: url))
        }
    }

    @Test("a receiver gets the build, signed so that OpenSSL computes the same, and may compare a header instead")
    func signed() async throws {
        let secret = "\(CallbackSecretTests.short)\n\(CallbackSecretTests.long)"
        try await CallbackReceiver.run { receiver in
            #expect(try await attempt(receiver.url("/a"), secret: secret) == .answered(status: 200))
            let call = try #require(receiver.calls.first)
            #expect(call.id == "msg_build-app-example-v1-2-3_1795339355125")
            #expect(call["content-type"] == "application/json" && call["user-agent"] == "registry-query/test")
            #expect(call["x-callback-secret"] == CallbackSecretTests.short)
            let timestamp = try #require(call["webhook-timestamp"].flatMap(Int.init))
            #expect(abs(Double(timestamp) - Date().timeIntervalSince1970) < 60)
            let body = try JSONDecoder().decode([String: String?].self, from: Data(call.body))
            #expect(body["id"] == "build-app-example-v1-2-3" && body["status"] == "succeeded")
            let signed = Array("\(call.id).\(timestamp).".utf8) + call.body
            var expected: [String] = []
            for key in [Array(UInt8(0)..<24), Array(UInt8(0)..<64)] { expected.append(try await openSSL(key, signed)) }
            #expect(call["webhook-signature"] == expected.map { "v1,\($0)" }.joined(separator: " "))
        }
    }

    /// HMAC-SHA-256 in base64 by another program.
    private func openSSL(_ key: [UInt8], _ message: [UInt8]) async throws -> String {
        let directory = try TemporaryDirectory()
        try Data(message).write(to: URL(filePath: directory.path("message")))
        let hex = key.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
        let result = try await Subprocess.run(
            .name("openssl"),
            arguments: [
                "dgst", "-sha256", "-mac", "HMAC", "-macopt", "hexkey:\(hex)", "-binary", directory.path("message"),
            ], output: .bytes(limit: 64), error: .discarded)
        return Data(result.standardOutput).base64EncodedString()
    }

    @Test("the call belongs to the trace of the request for the build, whatever this process does at the time")
    func traced() async throws {
        let other = Traceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        try await CallbackReceiver.run { receiver in
            var build = try endedBuild(url: receiver.url())
            build.traceparent = Traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
            try await withTransport { [build] transport in
                try await Correlation.$current.withValue(Correlation(traceparent: other)) {
                    _ = try await callbackSender(transport).attempt(build)
                }
            }
            #expect(
                receiver.calls.map { $0["traceparent"] } == ["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"])
        }
    }

    @Test("without a secret nothing is signed, and no secret is sent")
    func unsigned() async throws {
        try await CallbackReceiver.run { receiver in
            _ = try await attempt(receiver.url())
            let call = try #require(receiver.calls.first)
            #expect(!call.id.isEmpty && call["webhook-timestamp"] != nil)
            #expect(call["webhook-signature"] == nil && call["x-callback-secret"] == nil && call["traceparent"] == nil)
        }
    }

    @Test(
        "the URL goes over the wire as it was given",
        arguments: [
            "/webhook-waiting/42?signature=a%2Fb%2B%3D+d", "/x/?a=%2F", "/x/../y/./z//", "/%7Euser/%e4", "/?",
            "/?a&&=b&",
            "/webhook/\u{7e}'()!$,;:@", "/a?url=https://b.example/?c=d%26e",
        ])
    func verbatim(target: String) async throws {
        try await CallbackReceiver.run { receiver in
            _ = try await attempt(receiver.url(target))
            #expect(receiver.calls.first?.line == "POST \(target) HTTP/1.1")
        }
    }

    @Test("body and id are the same at each attempt; what came of earlier ones is not in them")
    func same() async throws {
        try await CallbackReceiver.run { receiver in
            try await withTransport { transport in
                var build = try endedBuild(url: receiver.url())
                for attempts in 0..<3 {
                    build.callback = Callback(status: .retrying, attempts: attempts, lastAnswer: "answered 500")
                    _ = try await callbackSender(transport).attempt(build)
                }
            }
            #expect(Set(receiver.calls.map(\.id)).count == 1 && Set(receiver.calls.map(\.body)).count == 1)
        }
    }

    @Test("another build of the same version has another id")
    func otherBuild() throws {
        var build = try endedBuild(url: nil)
        let id = build.callbackID
        build.createdAt += 0.001
        #expect(build.callbackID == "msg_build-app-example-v1-2-3_1795339355126" && id != build.callbackID)
        #expect(!id.contains("."))
    }

    @Test("answers are told with their first words; redirects are not followed")
    func answers() async throws {
        try await CallbackReceiver.run(
            .init { number, _ in
                switch number {
                case 1: .status(503, fields: "Retry-After: 7\r\n", body: "{\"message\": \"starting\n up\"}")
                case 2: .status(302, fields: "Location: /elsewhere\r\n")
                case 3: .status(204, body: "ignored")
                default: .status(429, fields: "Retry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n")
                }
            }
        ) { receiver in
            var answers: [CallbackAttempt] = []
            for _ in 1...4 { answers.append(try await attempt(receiver.url())) }
            #expect(
                answers == [
                    .answered(status: 503, retryAfter: .seconds(7), said: #"{"message": "starting up"}"#),
                    .answered(status: 302), .answered(status: 204), .answered(status: 429, retryAfter: .zero),
                ])
            #expect(receiver.calls.count == 4)
        }
    }

    @Test("what a receiver says is shown in short, without secrets and without anything of the URL")
    func shown() async throws {
        try await CallbackReceiver.run(
            .init { _, call in
                .status(500, body: "\(call.line)\r\n token=hush-1 \(String(repeating: "long ", count: 20_000))")
            }
        ) { receiver in
            let answer = try await attempt(receiver.url("/hooks/hush-2/hush-3?signature=hush-4&x=hush-5"))
            guard case .answered(500, nil, let said) = answer else {
                Issue.record("\(answer)")
                return
            }
            #expect(said.count <= 201 && !said.contains("hush") && said.contains("long long"), "\(said)")
        }
    }

    @Test("an answer counts with its head, however its body ends")
    func brokenBody() async throws {
        let head = "HTTP/1.1 200 OK\r\n"
        try await CallbackReceiver.run(
            .init { number, _ in
                switch number {
                case 1: .bytes("\(head)Content-Length: 100\r\n\r\nab")
                default: .status(200, body: String(repeating: "a", count: 1 << 20))
                }
            }
        ) { receiver in
            for _ in 0..<2 {
                let answer = try await attempt(receiver.url(), clock: ContinuousClock())
                #expect(answer == .answered(status: 200))
            }
        }
    }

    @Test("no answer says why, and nothing of the URL beyond its host")
    func unanswered() async throws {
        let receiver = try CallbackReceiver()
        let url = receiver.url("/hush-1?signature=hush-2")
        receiver.stop()
        let answer = try await attempt(url)
        guard case .unanswered(let reason) = answer else {
            Issue.record("\(answer)")
            return
        }
        #expect(!reason.contains("hush") && reason.contains("http://127.0.0.1:\(receiver.port)"), "\(reason)")
    }

    @Test(
        "a receiver that echoes what it was sent gives away no key, no signature and nothing of the URL",
        arguments: ["%@", "{\"echo\": \"%@\"}"])
    func echo(format: String) async throws {
        let long = "whsec_+/ab\(String(CallbackSecretTests.long.dropFirst(10)))"
        try await CallbackReceiver.run(
            .init { number, call in
                let field = ["x-callback-secret", "webhook-signature"]
                let said =
                    switch number {
                    case 1...2: call[field[number - 1]] ?? ""
                    case 3: String(CallbackSecretTests.short.dropFirst(6))
                    case 4: long.replacing("/", with: "\\/")
                    case 5: long.replacing("/", with: "%2F").replacing("+", with: "%2B")
                    case 6: "hush/hush 1"
                    default: "hush/hush+1"
                    }
                return .status(500, body: format.replacing("%@", with: "got \(said)"))
            }
        ) { receiver in
            for number in 1...7 {
                let answer = try await attempt(
                    receiver.url("/x?signature=hush%2Fhush+1"), secret: "\(CallbackSecretTests.short)\n\(long)")
                guard case .answered(500, _, let said) = answer else {
                    Issue.record("\(answer)")
                    continue
                }
                #expect(said.contains("got ") && said.contains("***"), "\(number): \(said)")
                let signature = receiver.calls.last?["webhook-signature"]?.prefix(12).dropFirst(3) ?? ""
                for secret in ["hush", "AAEC", "ICSo", "JCUm", String(signature)] {
                    #expect(!said.contains(secret), "\(number): \(said)")
                }
            }
        }
    }

    @Test("a receiver that does not answer is given up, and a cancelled task ends at once")
    func silence() async throws {
        let transport = TestTransport { _ in
            try await Task.sleep(for: .seconds(3600))
            return InboundResponse(status: .ok)
        }
        let build = try endedBuild(url: "http://127.0.0.1/")
        let answer = try await callbackSender(transport, clock: MonotonousClock.hasty).attempt(build)
        #expect(answer == .unanswered("no answer within 9 s"))
        let task = Task { try await callbackSender(transport).attempt(build) }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
    }

    @Test(
        "a host that may not be called, or not any more, gets nothing",
        arguments: [
            ("http://127.0.0.1/", ""), ("http://127.0.0.1/", "127.0.0.1"), ("http://127.0.0.1/", "http://127.0.0.1:1"),
        ])
    func refused(url: String, targets: String) async throws {
        let transport = TestTransport { _ in
            Issue.record("something was sent")
            return InboundResponse(status: .ok)
        }
        let answer = try await callbackSender(transport, targets: targets).attempt(endedBuild(url: url))
        guard case .refused(let reason) = answer else {
            Issue.record("\(answer)")
            return
        }
        #expect(reason.contains("CALLBACK_ALLOWED_HOSTS"))
    }
}
