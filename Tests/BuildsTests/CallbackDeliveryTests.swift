import CurlTransport
import FoundationEssentials
import HTTPTransport
import HTTPTypes
import KubernetesStandIn
import Logging
import Metrics
import MetricsTestKit
import RegistryTesting
import Synchronization
import Testing

@testable import Builds

@Suite("Delivering callbacks")
struct CallbackDeliveryTests {
    /// A record in memory that can be out of order, and show what is recorded a while later.
    private final class Ledger: CallbackLedger {
        struct Trouble: Error {}

        struct State {
            var builds: [Build] = []
            var records: [Callback] = []
            var failures = 0
            var isStale = false
            var maySend = true
            var isKnown = true
        }

        let news = Signal()
        let state: Mutex<State>
        let recorded: @Sendable (Callback) -> Void

        init(_ builds: [Build], recorded: @escaping @Sendable (Callback) -> Void = { _ in }) {
            state = Mutex(State(builds: builds))
            self.recorded = recorded
        }

        var records: [Callback] { state.withLock(\.records) }

        func owed() throws -> [Build]? {
            state.withLock { state in
                state.isKnown ? state.builds.filter { $0.callback?.status.isFinal == false } : nil
            }
        }

        func maySend() -> Bool { state.withLock(\.maySend) }

        func record(_ callback: Callback, of build: Build) async throws {
            try Task.checkCancellation()
            try state.withLock { state in
                guard state.failures == 0 else {
                    state.failures -= 1
                    throw Trouble()
                }
                state.records.append(callback)
                guard !state.isStale else { return }
                for index in state.builds.indices where state.builds[index].callbackID == build.callbackID {
                    state.builds[index].callback = callback
                }
            }
            recorded(callback)
        }

        func change(_ body: (inout State) -> Void) {
            state.withLock { body(&$0) }
            news.raise()
        }
    }

    /// Answers as the test says, and counts.
    private final class Receiver: Sendable {
        let hosts = Mutex<[String]>([])
        let answer: @Sendable (_ number: Int, _ host: String) async throws -> Int

        init(_ answer: @escaping @Sendable (_ number: Int, _ host: String) async throws -> Int) { self.answer = answer }

        var count: Int { hosts.withLock(\.count) }

        var transport: TestTransport {
            TestTransport { [self] request in
                let number = hosts.withLock { hosts in
                    hosts.append(request.url.host)
                    return hosts.count
                }
                return InboundResponse(status: .init(code: try await answer(number, request.url.host)))
            }
        }
    }

    private func deliver(
        _ ledger: Ledger, _ receiver: Receiver?, almanac: Almanac = Almanac(), book: LogBook = LogBook(),
        targets: String = "http://*.example, http://n8n.example", until done: () async throws -> Bool
    ) async throws {
        let sender = try receiver.map { try callbackSender($0.transport, targets: targets) }
        let delivery = CallbackDelivery(
            sender: sender, ledger: ledger, clock: MonotonousClock.hasty, now: { almanac.now }, logger: book.logger)
        let task = Task { await delivery.run() }
        defer { task.cancel() }
        try await eventually("it is done", done)
        task.cancel()
        await task.value
    }

    private let url = "http://n8n.example/hush-1?signature=hush-2"

    @Test("once, and then recorded and logged")
    func once() async throws {
        let ledger = Ledger([try endedBuild(url: url)])
        let receiver = Receiver { _, _ in 200 }
        let book = LogBook()
        try await deliver(ledger, receiver, book: book) { !ledger.records.isEmpty }
        #expect(receiver.count == 1 && ledger.records.map(\.status) == [.delivered])
        #expect(book.text == "info callback delivered attempts=1 build=build-app-example-v1-2-3 host=n8n.example")
    }

    @Test("each attempt is counted by what came of it")
    func counted() async throws {
        let metrics = TestMetrics()
        try await withMetricsFactory(metrics) {
            let almanac = Almanac()
            let late = Ledger([try endedBuild(url: url)]) { callback in
                if let next = callback.nextAttemptAt { almanac.advance(to: next) }
            }
            try await deliver(late, Receiver { number, _ in number < 3 ? 503 : 200 }, almanac: almanac) {
                late.records.last?.status == .delivered
            }
            let gone = Ledger([try endedBuild(url: url)])
            try await deliver(gone, Receiver { _, _ in 410 }) { gone.records.last?.status == .abandoned }
        }
        let label = "registry_query_callbacks_total"
        #expect(metrics.count(label, [("outcome", "retried")]) == 2)
        #expect(metrics.count(label, [("outcome", "delivered")]) == 1)
        #expect(metrics.count(label, [("outcome", "abandoned")]) == 1)
    }

    @Test("409 until the workflow waits, and then delivered")
    func conflict() async throws {
        let almanac = Almanac()
        let ledger = Ledger([try endedBuild(url: url)]) { callback in
            if let next = callback.nextAttemptAt { almanac.advance(to: next) }
        }
        let receiver = Receiver { number, _ in number < 5 ? 409 : 200 }
        try await deliver(ledger, receiver, almanac: almanac) { ledger.records.last?.status == .delivered }
        #expect(receiver.count == 5 && ledger.records.count == 5)
        #expect(ledger.records.last?.attempts == 5)
    }

    @Test("given up after a day, with a warning that says what came last and nothing of the URL beyond its host")
    func abandoned() async throws {
        let almanac = Almanac()
        let ledger = Ledger([try endedBuild(url: url)]) { callback in
            if let next = callback.nextAttemptAt { almanac.advance(to: next) }
        }
        let receiver = Receiver { _, _ in 503 }
        let book = LogBook()
        try await deliver(ledger, receiver, almanac: almanac, book: book) {
            ledger.records.last?.status.isFinal == true
        }
        #expect(ledger.records.last?.status == .abandoned && receiver.count > 100)
        let last = book.text.split(separator: "\n").last ?? ""
        #expect(last.hasPrefix("warning callback abandoned attempts=\(receiver.count) build=build-app-example-v1-2-3"))
        #expect(last.contains("answered 503; it has failed for 24 hours") && !book.text.contains("hush"))
    }

    @Test("nothing is sent before it is due")
    func notDue() async throws {
        let almanac = Almanac()
        var build = try endedBuild(url: url)
        build.callback = Callback(
            status: .retrying, attempts: 1, firstAttemptAt: almanac.now, lastAttemptAt: almanac.now,
            nextAttemptAt: almanac.now + 600)
        let ledger = Ledger([build])
        let receiver = Receiver { _, _ in 200 }
        try await deliver(ledger, receiver, almanac: almanac) {
            try await Task.sleep(for: .milliseconds(50))
            #expect(receiver.count == 0)
            almanac.advance(by: 600)
            ledger.news.raise()
            try await eventually("it is sent") { !ledger.records.isEmpty }
            return true
        }
        #expect(ledger.records.map(\.attempts) == [2])
    }

    @Test("what was sent is recorded as soon as that works, and not sent again")
    func recordingFails() async throws {
        let ledger = Ledger([try endedBuild(url: url)])
        ledger.change { $0.failures = 20 }
        let receiver = Receiver { _, _ in 200 }
        try await deliver(ledger, receiver) { !ledger.records.isEmpty }
        #expect(receiver.count == 1 && ledger.records.map(\.attempts) == [1])
    }

    @Test("a record that shows what was done only later leads to no second call", arguments: [200, 410])
    func stale(status: Int) async throws {
        let ledger = Ledger([try endedBuild(url: url)])
        ledger.change { $0.isStale = true }
        let receiver = Receiver { _, _ in status }
        try await deliver(ledger, receiver) {
            try await eventually("it is recorded") { !ledger.records.isEmpty }
            for _ in 0..<20 {
                ledger.news.raise()
                try await Task.sleep(for: .milliseconds(5))
            }
            return true
        }
        #expect(receiver.count == 1 && ledger.records.count == 1)
    }

    @Test("a stale record of a failed attempt does not make the waits begin anew")
    func staleRetry() async throws {
        let almanac = Almanac()
        let ledger = Ledger([try endedBuild(url: url)]) { callback in
            if let next = callback.nextAttemptAt { almanac.advance(to: next) }
        }
        ledger.change { $0.isStale = true }
        let receiver = Receiver { number, _ in number < 4 ? 500 : 200 }
        try await deliver(ledger, receiver, almanac: almanac) { ledger.records.last?.status == .delivered }
        #expect(ledger.records.map(\.attempts) == [1, 2, 3, 4])
    }

    @Test("nothing is sent by a process that may not, or does not know what is owed", arguments: [false, true])
    func mayNot(isKnown: Bool) async throws {
        let ledger = Ledger([try endedBuild(url: url)])
        ledger.change {
            $0.maySend = false
            $0.isKnown = isKnown
        }
        let receiver = Receiver { _, _ in 200 }
        try await deliver(ledger, receiver) {
            try await Task.sleep(for: .milliseconds(50))
            #expect(receiver.count == 0 && ledger.records.isEmpty)
            ledger.change {
                $0.maySend = true
                $0.isKnown = true
            }
            try await eventually("it is sent") { !ledger.records.isEmpty }
            return true
        }
        #expect(receiver.count == 1)
    }

    @Test("without a sender, or without its host among the allowed, it is given up at once", arguments: [false, true])
    func noSender(hasSender: Bool) async throws {
        let ledger = Ledger([try endedBuild(url: url)])
        let receiver = Receiver { _, _ in 200 }
        let book = LogBook()
        try await deliver(ledger, hasSender ? receiver : nil, book: book, targets: "") { !ledger.records.isEmpty }
        #expect(receiver.count == 0 && ledger.records.map(\.status) == [.abandoned])
        #expect(ledger.records.first?.attempts == 0)
        #expect(book.text.contains("CALLBACK_ALLOWED_HOSTS") && !book.text.contains("hush"))
    }

    @Test("a process that dies between sending and recording leaves it to the next, under the same id")
    func killed() async throws {
        let transport = CurlTransport(logger: .silent)
        try await CallbackReceiver.run { receiver in
            let build = try endedBuild(url: receiver.url())
            let ledger = Ledger([build])
            ledger.change { $0.failures = .max }
            for round in 1...2 {
                let delivery = CallbackDelivery(
                    sender: try callbackSender(transport), ledger: ledger, clock: MonotonousClock.hasty,
                    now: { Date() },
                    logger: .silent)
                let task = Task { await delivery.run() }
                try await eventually("it is sent") { receiver.calls.count == round }
                if round == 2 {
                    ledger.change { $0.failures = 0 }
                    try await eventually("it is recorded") { !ledger.records.isEmpty }
                }
                task.cancel()
                await task.value
            }
            #expect(Set(receiver.calls.map(\.id)) == [build.callbackID])
            #expect(Set(receiver.calls.map(\.body)).count == 1 && ledger.records.count == 1)
        }
        await transport.shutDown()
    }

    @Test("who is stopped while it sends, records what came of it", arguments: [0, 1])
    func stopped(failures: Int) async throws {
        let ledger = Ledger([try endedBuild(url: url)])
        ledger.change { $0.failures = failures }
        let mayEnd = Gate()
        let receiver = Receiver { _, _ in
            try await mayEnd.wait()
            return 200
        }
        let delivery = CallbackDelivery(
            sender: try callbackSender(receiver.transport, targets: "http://n8n.example"), ledger: ledger,
            clock: ContinuousClock(), now: { Date() }, logger: .silent, longestEnding: .seconds(60))
        let task = Task { await delivery.run() }
        try await eventually("it is sent") { receiver.count == 1 }
        task.cancel()
        mayEnd.open()
        await task.value
        #expect(receiver.count == 1 && ledger.records.map(\.status) == [.delivered])
    }

    @Test("who is stopped does not wait for ever for what cannot be recorded")
    func stoppedInVain() async throws {
        let ledger = Ledger([try endedBuild(url: url)])
        ledger.change { $0.failures = .max }
        let receiver = Receiver { _, _ in 200 }
        let delivery = CallbackDelivery(
            sender: try callbackSender(receiver.transport, targets: "http://n8n.example"), ledger: ledger,
            clock: ContinuousClock(), now: { Date() }, logger: .silent, longestEnding: .milliseconds(50))
        let task = Task { await delivery.run() }
        try await eventually("it is sent") { receiver.count == 1 }
        task.cancel()
        await task.value
        #expect(ledger.records.isEmpty)
    }

    @Test("a host that hangs holds up no other, and no host gets more than two calls at once")
    func hangingHost() async throws {
        var builds: [Build] = []
        for index in 0..<20 { builds.append(try endedBuild("v1.0.\(index)", url: "http://a.example/\(index)")) }
        builds.append(try endedBuild("v2.0.0", url: "http://b.example/"))
        let ledger = Ledger(builds)
        let receiver = Receiver { _, host in
            if host == "a.example" { try await Task.sleep(for: .seconds(3600)) }
            return 200
        }
        try await deliver(ledger, receiver) { !ledger.records.isEmpty }
        #expect(ledger.records.map(\.status) == [.delivered])
        #expect(receiver.hosts.withLock { $0.count { $0 == "a.example" } } == 2)
    }

    // MARK: The desk

    private func hosts(_ builds: [Build]) -> [String] { builds.compactMap(\.callbackHost) }

    @Test("at most eight at once and two of a host, those first that are due for longest")
    func widths() throws {
        let almanac = Almanac()
        var desk = CallbackDesk()
        var builds: [Build] = []
        for index in 0..<30 {
            var build = try endedBuild("v1.0.\(index)", url: "http://h\(index % 10).example/")
            build.callback?.nextAttemptAt = almanac.now - Double(index)
            builds.append(build)
        }
        let first = desk.take(from: builds, at: almanac.now).builds
        #expect(hosts(first) == (2...9).reversed().map { "h\($0).example" })
        #expect(desk.take(from: builds, at: almanac.now).builds.isEmpty)
        for build in first { desk.finish(build, nil) }
        var same = builds
        for index in same.indices { same[index].callbackURL = "http://a.example/\(index)" }
        let two = desk.take(from: same, at: almanac.now).builds
        #expect(hosts(two) == ["a.example", "a.example"])
        #expect(desk.take(from: same + [try endedBuild(url: "http://b.example/")], at: almanac.now).builds.count == 1)
    }

    @Test("it tells when the next one is due")
    func due() throws {
        let almanac = Almanac()
        var desk = CallbackDesk()
        var builds: [Build] = []
        for seconds in [30.0, 10, 20] {
            var build = try endedBuild("v1.0.\(Int(seconds))", url: url)
            build.callback?.nextAttemptAt = almanac.now + seconds
            builds.append(build)
        }
        let (none, next) = desk.take(from: builds, at: almanac.now)
        #expect(none.isEmpty && next == almanac.now + 10)
        #expect(desk.take(from: builds, at: almanac.now + 20).builds.count == 2)
    }

    @Test("what is over but still holds its build is dealt with again once the record shows that it is over")
    func leftOver() throws {
        let almanac = Almanac()
        var desk = CallbackDesk()
        var build = try endedBuild(url: url)
        var delivered = Callback()
        (delivered.status, delivered.attempts) = (.delivered, 1)
        let taken = try #require(desk.take(from: [build], at: almanac.now).builds.first)
        desk.finish(taken, delivered)
        #expect(desk.take(from: [build], at: almanac.now).builds.isEmpty)
        build.callback = delivered
        #expect(desk.take(from: [build], at: almanac.now).builds == [build])
    }
}
