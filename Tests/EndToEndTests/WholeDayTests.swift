import FoundationEssentials
import HTTPTypes
import KubernetesClient
import KubernetesStandIn
import RegistryTesting
import Testing

@testable import Builds

extension EndToEnd {
    @Suite("A whole day in the cluster")
    struct WholeDayTests {
        /// `WHOLE_DAY_SEED` plays the day of a failure again.
        private static let seeds = [
            ProcessInfo.processInfo.environment["WHOLE_DAY_SEED"].flatMap(UInt64.init) ?? .random(in: 1...999_999)
        ]

        @Test(
            "every build happens once, every callback arrives or is reported abandoned, and nothing is left behind",
            arguments: seeds)
        func wholeDay(seed: UInt64) async throws {
            try await Day.run { day in
                var play = DayPlay(day: day, chance: DayChance(seed: seed))
                try await play.morning()
                try await play.killedReplicas()
                try await play.cancels()
                try await play.hourOfSilence()
                try await play.afternoon()
                try await play.nextDay()
                try play.checkBuilds()
                try play.checkCallbacks()
                try await play.evening()
            }
        }
    }
}

/// The scenes of the day, in their order.
struct DayPlay {
    let day: Day
    var chance: DayChance
    /// The builds that pushes lead to, by the number of the push.
    var pushed: [Int: Int] = [:]
    var first: DayPush?
    var second: DayPush?

    init(day: Day, chance: DayChance) {
        self.day = day
        self.chance = chance
    }

    /// A number of a replica.
    private mutating func someReplica() -> Int { Int.random(in: 0..<2, using: &chance) }

    // MARK: Morning

    /// Pushes, deliveries of the same push to both replicas, pushes that are none of ours, and callers of whom some
    /// time out: all at once.
    mutating func morning() async throws {
        let day = day
        let push = DayPush(1, ["shop", "blog"], at: day.almanac.now)
        first = push
        pushed[1] = 2
        var actions: [@Sendable () async throws -> Void] = []
        for replica in [0, 1, 0, 1] {
            actions.append {
                let answer = try await day.deliver(push, to: replica)
                #expect(answer.status == 200 && Self.isTaken(answer, push), "\(answer)")
            }
        }
        for other in Self.foreignPushes(after: push) {
            let replica = someReplica()
            actions.append {
                let answer = try await day.deliver(other, to: replica)
                #expect(answer.status == 200 && answer["ignored"]?.string != nil, "\(answer)")
            }
        }
        let asks = [
            DayAsk("a-1", "forms", calling: "well"), DayAsk("a-2", "forms", calling: "busy"),
            DayAsk("a-3", "forms", calling: "down"), DayAsk("a-4", "forms", calling: "gone"),
            DayAsk("a-5", "shelf", calling: "gone"), DayAsk("a-6", "shelf", calling: "over"), DayAsk("a-7", "shelf"),
            DayAsk("a-8", "broken", calling: "well", end: "failed"), DayAsk("a-9", "broken", end: "failed"),
            DayAsk("a-10", "broken", calling: "down", end: "failed"),
        ]
        for ask in asks {
            let replica = someReplica()
            actions.append { try await day.ask(ask, first: replica) }
        }
        // These see the connection end before the Job is made, and ask the other replica while the first one goes on.
        for ask in [DayAsk("late-1", "desk", calling: "well"), DayAsk("late-2", "desk", calling: "busy")] {
            let replica = someReplica()
            actions.append { try await day.ask(ask, first: replica, patience: 0.5) }
        }
        day.standIn.inject(.delay(.seconds(1)), times: 2) { request in
            request.method == "POST" && request.target.contains("/jobs")
                && String(decoding: request.body, as: UTF8.self).contains("webapp/desk")
        }
        actions.shuffle(using: &chance)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for action in actions { group.addTask { try await action() } }
            try await group.waitForAll()
        }
        try await eventually("the morning's builds have ended") {
            day.standIn.jobNames.allSatisfy { day.standIn.job($0)?.isOver == true }
        }
    }

    /// Whether each webapp of a push has its build, which the registry alone may tell.
    private static func isTaken(_ answer: HTTPClient.Answer, _ push: DayPush) -> Bool {
        let built = answer["skipped"]?.array.filter { $0["reason"]?.string?.hasPrefix("it was built already") == true }
        return (answer["builds"]?.array.count ?? 0) + (built?.count ?? 0) == push.webapps.count
    }

    private static func foreignPushes(after push: DayPush) -> [DayPush] {
        var branch = push
        branch.ref = "refs/heads/feature"
        var tag = push
        tag.ref = "refs/tags/v9.9.9"
        var deletion = push
        deletion.isDeleted = true
        return [branch, tag, deletion]
    }

    // MARK: Replicas that are killed

    mutating func killedReplicas() async throws {
        let day = day
        // Before the POST of a callback.
        var trap = try day.trap(callbackOf: "k-1")
        let unsent = try await day.ask(DayAsk("k-1", "forms", calling: "well"), first: someReplica())
        try await day.killReplica(in: trap, "a callback is about to be sent")
        try await eventually("the next leader sends it") { day.callback(unsent)?.status == .delivered }

        // Between POST and record.
        let sent = DayAsk("k-2", "slow-a", calling: "well")
        var build = try await day.ask(sent, first: someReplica())
        trap = day.trap(
            .patch, path: build["id"]?.string ?? "", having: "\"\(Day.finalizer)\"", butNot: "suspend")
        try await day.release(build)
        try await day.killReplica(in: trap, "what came of a callback is about to be recorded") {
            try await eventually("it was sent") { try !day.calls(sent).isEmpty }
        }
        try await eventually("the next leader sends it again") { day.callback(build)?.status == .delivered }
        let sendings = try day.calls(sent).count
        // More often only where an answer came too late to count.
        #expect(sendings >= 2)

        // Between the end of a build and the record of it.
        build = try await day.ask(DayAsk("k-3", "slow-a", calling: "busy"), first: someReplica())
        trap = day.trap(.patch, path: build["id"]?.string ?? "", having: "\"registry-query/status\"")
        try await day.release(build)
        try await day.killReplica(in: trap, "the end of a build is about to be recorded")

        // While a reservation is under way: the Job is made, and suspended.
        trap = day.trap(.patch, path: "/build-mail-", having: "suspend")
        let replica = someReplica()
        async let reserved = day.ask(DayAsk("k-4", "mail", calling: "well"), first: replica)
        try await day.killReplica(in: trap, "a reserved build is about to be started")
        _ = try await reserved

        // While a push is dealt with: some of its builds are there.
        day.almanac.advance(minutes: 5)
        let push = DayPush(2, ["shop", "blog", "docs"], at: day.almanac.now)
        second = push
        pushed[2] = 3
        trap = day.trap(.post, path: "/jobs", having: "apps/docs")
        let answering = Task { [replica = someReplica()] in try await day.deliverOnce(push, to: replica) }
        try await day.killReplica(in: trap, "the third build of a push is about to be made") {
            try await eventually("the others are there") {
                day.standIn.jobNames.count { $0.hasPrefix("build-shop-") || $0.hasPrefix("build-blog-") } == 4
            }
        }
        let lost = try? await answering.value
        #expect(lost?.status != 200, "GitHub shows it as failed, and it is delivered again")
        let again = try await day.deliver(push, to: someReplica())
        #expect(again.status == 200 && Self.isTaken(again, push), "\(again)")
    }

    // MARK: Cancels

    mutating func cancels() async throws {
        let day = day
        // The leader is killed when it is about to record that nothing of it runs any more.
        let ask = DayAsk("c-1", "slow-b", calling: "well", end: "cancelled")
        let build = try await day.ask(ask, first: someReplica())
        let trap = day.trap(
            .patch, path: build["id"]?.string ?? "", having: "\"registry-query/status\"", "cancelled")
        let canceller = Task { [replica = someReplica()] in try await day.cancel(build, at: replica) }
        try await day.killReplica(in: trap, "a cancelled build is about to be brought to its end")
        _ = try? await canceller.value
        try await eventually("its caller is told, and it is gone") {
            try day.job(build) == nil && !day.calls(ask).isEmpty
        }
        let quiet = try await day.ask(DayAsk("c-2", "slow-b", end: "cancelled"), first: someReplica())
        #expect(quiet["tag"] == "v1.0.0", "a cancelled build frees its version")
        let answer = try await day.cancel(quiet, at: someReplica())
        #expect(answer.status == 202, "\(answer)")
        try await eventually("it is gone") { day.job(quiet) == nil }
        let last = try await day.ask(DayAsk("c-3", "slow-b", calling: "down"), first: someReplica())
        try await day.release(last)
    }

    // MARK: Time

    /// The attempts that are recorded: a call that was received may still be under way.
    private func attempts(_ ask: DayAsk) -> Int { day.callback(ask.build)?.attempts ?? 0 }

    /// A receiver is down for an hour, and comes back.
    mutating func hourOfSilence() async throws {
        let day = day
        let waiting = day.asks.filter { $0.receiver == "down" }
        for _ in 0..<5 {
            let before = waiting.map(attempts)
            day.almanac.advance(minutes: 12)
            try await eventually("each is tried again") {
                zip(waiting, before).allSatisfy { attempts($0) > $1 }
            }
            #expect(waiting.allSatisfy { day.callback($0.build)?.status.isFinal == false })
        }
        // Whoever delivers a push of the morning again starts nothing.
        if let first {
            let answer = try await day.deliver(first, to: someReplica())
            #expect(answer.status == 200 && answer["failed"]?.array.isEmpty == true, "\(answer)")
        }
        day.repairReceiver()
        day.almanac.advance(minutes: 12)
        try await eventually("each is delivered") {
            waiting.allSatisfy { day.callback($0.build)?.status == .delivered }
        }
    }

    /// The Jobs' time is up; what was pushed before is delivered again, and a push of then for the first time.
    mutating func afternoon() async throws {
        let day = day
        try await eventually("nothing but what nobody receives is to be sent") {
            day.asks.filter { $0.receiver != "gone" && $0.receiver != nil }.allSatisfy { ask in
                day.job(ask.build) == nil || day.callback(ask.build)?.status.isFinal == true
            }
        }
        let gone = day.asks.filter { $0.receiver == "gone" }
        let over = day.asks.filter { $0.receiver == "over" }
        for ask in over {
            let callback = try await day.build(ask.build)["callback"]
            #expect(callback?["status"] == "abandoned" && callback?["attempts"] == 1, "\(String(describing: callback))")
        }
        // The first of them is kept, to be looked at when it is given up.
        day.expireJobs(butNot: [gone[0].build])
        try await eventually("only what is kept or held is left") {
            Set(day.standIn.jobNames) == Set(gone.compactMap { $0.build["id"]?.string })
        }
        let late = DayPush(3, ["shop"], at: day.almanac.now)
        day.almanac.advance(minutes: 5)
        let push = DayPush(4, ["shop"], at: day.almanac.now)
        pushed[4] = 1
        let newest = day.pushed.filter { $0.contains("/shop:") }.compactMap(Day.patch).max()
        let answer = try await day.deliver(push, to: someReplica())
        #expect(answer["builds"]?.array.first?["tag"]?.string == "v1.0.\((newest ?? 0) + 1)", "\(answer)")
        for old in [first, second, late].compactMap(\.self).shuffled(using: &chance) {
            let answer = try await day.deliver(old, to: someReplica())
            #expect(answer.status == 200 && answer["builds"]?.array.isEmpty == true, "\(answer)")
            #expect(answer["skipped"]?.array.count == old.webapps.count, "\(answer)")
        }
    }

    /// A receiver that is gone for good is given up a day later.
    mutating func nextDay() async throws {
        let day = day
        let gone = day.asks.filter { $0.receiver == "gone" }
        for hours in [3.0, 6, 6, 6] {
            let before = gone.map(attempts)
            day.almanac.advance(minutes: hours * 60)
            try await eventually("each is tried again") {
                zip(gone, before).allSatisfy { attempts($0) > $1 }
            }
            #expect(gone.allSatisfy { day.callback($0.build)?.status == .retrying })
        }
        day.almanac.advance(minutes: 4 * 60)
        try await eventually("they are given up") {
            day.callback(gone[0].build)?.status == .abandoned && day.job(gone[1].build) == nil
        }
        let callback = try await day.build(gone[0].build)["callback"]
        #expect(callback?["status"] == "abandoned" && callback?["lastAnswer"]?.string?.contains("24 hours") == true)
        try await eventually("all builds have ended") {
            day.standIn.jobNames.allSatisfy { day.standIn.job($0)?.isOver == true }
        }
    }
}

extension JSONValue {
    /// Whether a Job has ended.
    fileprivate var isOver: Bool {
        (self["status"]?["conditions"]?.array ?? []).contains { ["Complete", "Failed"].contains($0["type"]?.string) }
    }
}
