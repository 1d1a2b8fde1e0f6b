import HTTPTransport
import NIOCore
import Testing

@testable import RegistryQueryAPI

struct FailureLedgerTests {
    private typealias Verdict = FailureLedger.Verdict

    private func source(_ bytes: UInt8...) -> SourceAddress { SourceAddress(IPAddress(bytes: bytes)) }

    private func answers(_ milliseconds: Int...) -> [Verdict] {
        milliseconds.map { .answer(after: .milliseconds($0)) }
    }

    @Test("five in a minute are answered at once, the others one after the other and ever later, then none")
    func sequence() {
        var ledger = FailureLedger()
        let one = source(192, 0, 2, 1)
        #expect((0..<5).map { _ in ledger.note(one, at: .zero) } == answers(0, 0, 0, 0, 0))
        #expect((0..<5).map { _ in ledger.note(one, at: .zero) } == answers(250, 750, 1750, 3750, 7750))
        // 7.75 s of answers are waiting, and 4 s more would be too much.
        for _ in 0..<3 { #expect(ledger.note(one, at: .zero) == .refuse(retryAfter: .milliseconds(3750))) }
        #expect(ledger.note(one, at: .milliseconds(3749)) == .refuse(retryAfter: .milliseconds(1)))
        #expect(ledger.note(one, at: .milliseconds(3750)) == .answer(after: .seconds(8)))
        // Another source has its own queue.
        #expect(ledger.note(source(192, 0, 2, 2), at: .zero) == .answer(after: .zero))
        // Once all are answered, each still waits the longest delay.
        #expect(ledger.note(one, at: .seconds(12)) == .answer(after: .seconds(4)))
        #expect(ledger.note(one, at: .seconds(59)) == .answer(after: .seconds(4)))
    }

    @Test("the minute begins with the first failure, and anew with the first one after it")
    func minutes() {
        var ledger = FailureLedger()
        let one = source(192, 0, 2, 1)
        for second in [0, 10, 20, 30, 59] { #expect(ledger.note(one, at: .seconds(second)) == .answer(after: .zero)) }
        #expect(ledger.note(one, at: .milliseconds(59_900)) == .answer(after: .milliseconds(250)))
        // The minute is over, and an answer is still waiting.
        #expect(ledger.note(one, at: .seconds(60)) == .answer(after: .milliseconds(650)))
        #expect(ledger.note(one, at: .milliseconds(60_650)) == .answer(after: .zero))
        #expect((0..<5).map { _ in ledger.note(one, at: .milliseconds(60_700)) } == answers(0, 0, 0, 0, 250))
    }

    @Test("whoever never stops never gets a free answer again, and one per longest delay at most")
    func persistence() {
        var ledger = FailureLedger()
        let one = source(192, 0, 2, 1)
        var ends: [Duration] = []
        for millisecond in stride(from: 0, to: 600_000, by: 10) {
            let now = Duration.milliseconds(millisecond)
            switch ledger.note(one, at: now) {
            case .answer(let delay): ends.append(now + delay)
            case .refuse(let delay): #expect(delay > .zero && delay <= FailureLedger.longestDelay)
            }
        }
        #expect(ends == ends.sorted())
        #expect(zip(ends.dropFirst(10), ends.dropFirst(11)).allSatisfy { $1 - $0 >= FailureLedger.longestDelay })
        #expect((150...170).contains(ends.count), "\(ends.count)")
    }

    @Test("not more than so many sources are known; the one whose minute began first is forgotten")
    func bound() {
        var ledger = FailureLedger()
        func address(_ number: Int) -> SourceAddress { source(10, 0, UInt8(number >> 8), UInt8(number & 255)) }
        for number in 0..<FailureLedger.mostSources {
            for _ in 0..<6 { _ = ledger.note(address(number), at: .milliseconds(number)) }
        }
        #expect(ledger.count == FailureLedger.mostSources)
        #expect(ledger.note(address(5000), at: .seconds(2)) == .answer(after: .zero))
        #expect(ledger.count == FailureLedger.mostSources)
        #expect(ledger.note(address(0), at: .seconds(2)) == .answer(after: .zero), "forgotten")
        #expect(ledger.note(address(2), at: .seconds(2)) != .answer(after: .zero), "not forgotten")
        // Those that are over make room for all who come.
        #expect(ledger.note(address(6000), at: .seconds(120)) == .answer(after: .zero))
        #expect(ledger.count == 1)
    }

    @Test(
        "addresses that one machine has are one source",
        arguments: [
            ("192.0.2.1", "192.0.2.1", true), ("192.0.2.1", "192.0.2.2", false),
            ("::ffff:192.0.2.1", "192.0.2.1", true), ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", true),
            ("2001:db8:0:1::1", "2001:db8:0:2::1", false), ("::1", "127.0.0.1", false),
        ])
    func sources(left: String, right: String, areOne: Bool) throws {
        func source(_ text: String) throws -> SourceAddress {
            SourceAddress(try SocketAddress(ipAddress: text, port: 80))
        }
        #expect((try source(left) == source(right)) == areOne)
    }

    @Test(
        "a source is written as its address",
        arguments: [
            ("192.0.2.10", "192.0.2.10"), ("::ffff:192.0.2.10", "192.0.2.10"), ("2001:db8:0:1::5", "2001:db8:0:1::/64"),
        ])
    func description(address: String, text: String) throws {
        #expect(SourceAddress(try SocketAddress(ipAddress: address, port: 80)).description == text)
        #expect(SourceAddress(nil as SocketAddress?).description == "unknown")
    }
}
