import FoundationEssentials
import Testing

@testable import Builds

@Suite("When a callback is tried again")
struct CallbackScheduleTests {
    private let start = Date(timeIntervalSince1970: 1_795_339_400)

    private func next(
        _ callback: Callback, _ attempt: CallbackAttempt, after seconds: Double = 0, jitter: Double = 0
    ) -> Callback {
        CallbackSchedule.next(after: callback, attempt, at: start + seconds, jitter: jitter)
    }

    private func first(_ attempt: CallbackAttempt, jitter: Double = 0) -> Callback {
        next(Callback(), attempt, jitter: jitter)
    }

    @Test("2xx is the end", arguments: [200, 201, 202, 204, 299])
    func delivered(status: Int) {
        let callback = first(.answered(status: status, retryAfter: .seconds(60)))
        #expect(callback.status == .delivered && callback.attempts == 1 && callback.nextAttemptAt == nil)
        #expect(callback.firstAttemptAt == start && callback.lastAttemptAt == start)
        #expect(callback.lastAnswer == "answered \(status)")
    }

    @Test(
        "401, 404 and 410 are final, and say what to do",
        arguments: [(401, "signature"), (404, "HTTP method POST"), (410, "no more calls")])
    func final(status: Int, advice: String) {
        let callback = first(.answered(status: status, retryAfter: .seconds(60), said: "no"))
        #expect(callback.status == .abandoned && callback.attempts == 1 && callback.nextAttemptAt == nil)
        #expect(callback.lastAnswer?.hasPrefix("answered \(status): no; ") == true)
        #expect(callback.lastAnswer?.contains(advice) == true)
    }

    @Test("a host that may not be called any more is the end, and no attempt")
    func refused() {
        let earlier = first(.answered(status: 500))
        let callback = next(earlier, .refused("calls to it are not allowed"), after: 1)
        #expect(callback.status == .abandoned && callback.attempts == 1 && callback.nextAttemptAt == nil)
        #expect(callback.lastAnswer == "calls to it are not allowed" && callback.lastAttemptAt == start)
    }

    @Test(
        "everything else is tried again",
        arguments: [
            100, 301, 302, 303, 304, 307, 308, 400, 402, 403, 405, 408, 409, 413, 422, 425, 429, 500, 502, 503, 504,
        ])
    func again(status: Int) {
        let callback = first(.answered(status: status))
        #expect(callback.status == .retrying && callback.attempts == 1 && callback.nextAttemptAt == start + 1)
        #expect(callback.lastAnswer?.contains("redirects are not followed") == (300...399).contains(status))
    }

    @Test("no answer is tried again, and told")
    func unanswered() {
        let callback = first(.unanswered("connection refused"))
        #expect(callback.status == .retrying && callback.nextAttemptAt == start + 1)
        #expect(callback.lastAnswer == "connection refused" && callback.conflictSince == nil)
    }

    @Test("waits double from a second to ten minutes, and end after a day")
    func growing() {
        var callback = Callback()
        var time = 0.0
        var waits: [Double] = []
        while !callback.status.isFinal {
            callback = next(callback, .unanswered("down"), after: time)
            guard let due = callback.nextAttemptAt else { break }
            waits.append(due.timeIntervalSince(start + time))
            time = due.timeIntervalSince(start)
        }
        #expect(waits.prefix(12) == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600])
        #expect(waits.dropFirst(10).allSatisfy { $0 == 600 })
        #expect(callback.status == .abandoned && callback.nextAttemptAt == nil)
        #expect(callback.lastAnswer == "down; it has failed for 24 hours")
        #expect((86_400 - 600...86_400).contains(time), "\(time)")
    }

    @Test("a wait is longer by a fifth at most, whatever came before", arguments: 0..<20)
    func jitter(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var callback = Callback()
        var time = 0.0
        for attempt in 0..<40 {
            callback = next(callback, .answered(status: 500), after: time, jitter: .random(in: 0...1, using: &random))
            let wait = callback.nextAttemptAt?.timeIntervalSince(start + time) ?? 0
            let least = min(Double(1 << min(attempt, 20)), 600)
            #expect((least - 0.001...least * 1.2 + 0.001).contains(wait), "\(attempt): \(wait)")
            // As it is stored: to the millisecond.
            callback.nextAttemptAt = callback.nextAttemptAt.map {
                Date(timeIntervalSince1970: ($0.timeIntervalSince1970 * 1000).rounded() / 1000)
            }
            time += wait + .random(in: 0...100, using: &random)
        }
    }

    @Test("the whole random part is a fifth")
    func wholeJitter() {
        #expect(first(.answered(status: 500), jitter: 1).nextAttemptAt == start + 1.2)
    }

    @Test("409 is tried again after 1, 2, 4 to 30 seconds, for half an hour")
    func conflict() {
        var callback = Callback()
        var time = 0.0
        var waits: [Double] = []
        while !callback.status.isFinal {
            callback = next(callback, .answered(status: 409), after: time, jitter: 1)
            guard let due = callback.nextAttemptAt else { break }
            waits.append(due.timeIntervalSince(start + time))
            time = due.timeIntervalSince(start)
        }
        #expect(waits.prefix(8) == [1, 2, 4, 8, 16, 30, 30, 30])
        #expect(callback.status == .abandoned && callback.lastAnswer?.contains("30 minutes") == true)
        #expect((1800 - 30...1800).contains(time), "\(time)")
    }

    @Test("the half hour begins anew after another answer, the day does not")
    func mixed() {
        var callback = first(.answered(status: 409))
        callback = next(callback, .answered(status: 409), after: 1790)
        #expect(callback.status == .abandoned)
        callback = first(.answered(status: 409))
        callback = next(callback, .answered(status: 500), after: 1000)
        #expect(callback.conflictSince == nil && callback.nextAttemptAt == start + 1002)
        callback = next(callback, .answered(status: 409), after: 2000)
        #expect(callback.conflictSince == start + 2000 && callback.nextAttemptAt == start + 2001)
        callback = next(callback, .answered(status: 409), after: 86_399.5)
        #expect(callback.status == .abandoned)
    }

    @Test("after a series of 409 other waits go on from there")
    func afterConflict() {
        var callback = first(.answered(status: 409))
        callback = next(callback, .answered(status: 409), after: 100)
        #expect(next(callback, .unanswered("down"), after: 130).nextAttemptAt == start + 130 + 32)
    }

    @Test(
        "what the receiver asks for counts where it is longer, up to an hour",
        arguments: [
            (500, 30.0, 30.0), (500, 0.5, 1), (503, 0, 1), (429, 3600, 3600), (429, 3601, 3600),
            (429, 999_999_999, 3600),
            (409, 10, 10), (409, 0, 1), (302, 5, 5),
        ])
    func retryAfter(status: Int, asked: Double, wait: Double) {
        let callback = first(.answered(status: status, retryAfter: .milliseconds(Int64(asked * 1000))))
        #expect(callback.status == .retrying && callback.nextAttemptAt == start + wait)
    }

    @Test("409 that asks for more than what is left of the half hour has one more attempt at its end")
    func longConflict() throws {
        var callback = next(Callback(), .answered(status: 409), after: 0.123456)
        callback = next(callback, .answered(status: 409, retryAfter: .seconds(3600)), after: 100.7)
        let due = try #require(callback.nextAttemptAt).timeIntervalSince(start)
        #expect(callback.status == .retrying && (1790...1800.13).contains(due), "\(due)")
        callback = next(callback, .answered(status: 409, retryAfter: .seconds(3600)), after: due + 1)
        #expect(callback.status == .abandoned && callback.attempts == 3)
        #expect(callback.lastAnswer?.contains("30 minutes") == true)
    }

    @Test("a wait that would end after the day is none")
    func lastWait() {
        let callback = Callback(
            status: .retrying, attempts: 100, firstAttemptAt: start, lastAttemptAt: start + 85_000,
            nextAttemptAt: start + 85_600)
        #expect(next(callback, .answered(status: 503, retryAfter: .seconds(3600)), after: 85_600).status == .abandoned)
        #expect(next(callback, .answered(status: 503), after: 85_600).status == .retrying)
    }
}
