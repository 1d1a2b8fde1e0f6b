import RegistryTesting
import Synchronization
import Testing

@testable import OCIDistribution

@Suite(.timeLimit(.minutes(5))) struct SharedTagListingsTests {
    /// Listings that end when the test says so; each answers the number of its call as its tag.
    private final class Source: Sendable {
        struct Call: Sendable {
            var repository: Repository
            var isCancelled = false
            var outcome: Result<TagListing, any Error>?
        }

        struct Failure: Error {}

        private let calls = Mutex<[Call]>([])

        var count: Int { calls.withLock { $0.count } }

        func isCancelled(_ number: Int) -> Bool { calls.withLock { $0[number].isCancelled } }

        func end(_ number: Int, failing: Bool = false) throws {
            let listing = TagListing(tags: [try Tag("call-\(number)")])
            calls.withLock { $0[number].outcome = failing ? .failure(Failure()) : .success(listing) }
        }

        @Sendable func list(_ repository: Repository) async throws -> TagListing {
            let number = calls.withLock { calls in
                calls.append(Call(repository: repository))
                return calls.count - 1
            }
            do {
                while true {
                    if let outcome = calls.withLock({ $0[number].outcome }) { return try outcome.get() }
                    try await Task.sleep(for: .milliseconds(1))
                }
            } catch let error as CancellationError {
                calls.withLock { $0[number].isCancelled = true }
                throw error
            }
        }
    }

    private let clock = ManualClock()
    private let source = Source()

    private func shared(maxAge: Duration = .seconds(5), capacity: Int = 8) -> SharedTagListings {
        SharedTagListings(maxAge: maxAge, capacity: capacity, clock: clock, list: source.list)
    }

    private func ask(
        _ shared: SharedTagListings, _ freshness: SharedTagListings.Freshness = .recent, _ repository: Repository = app
    ) -> Task<String, any Error> {
        Task { try await shared.listing(of: repository, freshness).listing.tags.map(\.name).joined() }
    }

    /// Until so many wait for a listing.
    private func waiters(_ shared: SharedTagListings, _ count: Int) async throws {
        try await eventually { await shared.waiterCount == count }
    }

    private func calls(_ count: Int) async throws { try await eventually { source.count == count } }

    @Test func manyCallersCostOneListing() async throws {
        let shared = shared()
        let callers = (0..<64).map { _ in ask(shared) }
        try await calls(1)
        try await waiters(shared, 64)
        try source.end(0)
        for caller in callers { #expect(try await caller.value == "call-0") }
        #expect(source.count == 1)
    }

    @Test func anAnswerIsKeptUpToItsAgeWhichCountsFromTheBeginningOfTheListing() async throws {
        let shared = shared()
        let first = ask(shared)
        try await calls(1)
        clock.advance(by: .seconds(2))
        try source.end(0)
        _ = try await first.value
        clock.advance(by: .seconds(3))
        let kept = try await shared.listing(of: app)
        #expect(kept.age == .seconds(5))
        #expect(kept.listing.tags.map(\.name) == ["call-0"])
        clock.advance(by: .milliseconds(1))
        let next = ask(shared)
        try await calls(2)
        try source.end(1)
        #expect(try await next.value == "call-1")
    }

    @Test func aFreshListingIsNeverOneThatBeganBeforeAndThoseWhoWantOneShareIt() async throws {
        let shared = shared()
        let early = ask(shared)
        try await calls(1)
        let fresh = (0..<20).map { _ in ask(shared, .fresh) }
        try await waiters(shared, 21)
        let late = ask(shared)
        try await waiters(shared, 22)
        // One at a time: the fresh listing has not begun.
        #expect(source.count == 1)
        try source.end(0)
        #expect(try await early.value == "call-0")
        #expect(try await late.value == "call-0")
        try await calls(2)
        let later = ask(shared, .fresh)
        try await waiters(shared, 21)
        try source.end(1)
        for caller in fresh { #expect(try await caller.value == "call-1") }
        try await calls(3)
        try source.end(2)
        #expect(try await later.value == "call-2")
        #expect(try await shared.listing(of: app).listing.tags.map(\.name) == ["call-2"])
    }

    @Test func aFreshListingDoesNotWaitLongerThanPatienceForOneThatHangs() async throws {
        let shared = shared()
        let hanging = ask(shared)
        try await calls(1)
        let fresh = ask(shared, .fresh)
        try await clock.waitForSleep(of: .seconds(3))
        clock.advance(by: .seconds(3))
        try await calls(2)
        try source.end(1)
        #expect(try await fresh.value == "call-1")
        // The old one still answers its own waiter, and does not replace what is newer.
        try source.end(0)
        #expect(try await hanging.value == "call-0")
        #expect(try await shared.listing(of: app).listing.tags.map(\.name) == ["call-1"])
    }

    @Test func droppingInvalidatesWhatIsKeptAndWhatIsUnderWay() async throws {
        let shared = shared()
        let before = ask(shared)
        try await calls(1)
        await shared.drop(app)
        let after = ask(shared)
        try await waiters(shared, 2)
        try source.end(0)
        #expect(try await before.value == "call-0")
        try await calls(2)
        try source.end(1)
        #expect(try await after.value == "call-1")
        #expect(try await shared.listing(of: app).listing.tags.map(\.name) == ["call-1"])
        await shared.drop(app)
        let anew = ask(shared)
        try await calls(3)
        try source.end(2)
        #expect(try await anew.value == "call-2")
        await shared.drop(try Repository("never/seen"))
    }

    @Test func anOutdatedListingIsNotKept() async throws {
        let shared = shared()
        let before = ask(shared)
        try await calls(1)
        await shared.drop(app)
        try source.end(0)
        #expect(try await before.value == "call-0")
        let after = ask(shared)
        try await calls(2)
        try source.end(1)
        #expect(try await after.value == "call-1")
    }

    @Test func aFailureIsSharedAndNotKept() async throws {
        let shared = shared()
        let callers = (0..<3).map { _ in ask(shared) }
        try await calls(1)
        try await waiters(shared, 3)
        try source.end(0, failing: true)
        for caller in callers { await #expect(throws: Source.Failure.self) { try await caller.value } }
        let next = ask(shared)
        try await calls(2)
        try source.end(1)
        #expect(try await next.value == "call-1")
    }

    @Test func aFailedListingDoesNotTakeTheKeptOneAway() async throws {
        let shared = shared()
        let first = ask(shared)
        try await calls(1)
        try source.end(0)
        _ = try await first.value
        let fresh = ask(shared, .fresh)
        try await calls(2)
        try source.end(1, failing: true)
        await #expect(throws: Source.Failure.self) { try await fresh.value }
        #expect(try await shared.listing(of: app).listing.tags.map(\.name) == ["call-0"])
    }

    @Test func oneCancelledCallerLeavesTheOthersTheirListing() async throws {
        let shared = shared()
        let maker = ask(shared)
        try await calls(1)
        let other = ask(shared)
        try await waiters(shared, 2)
        maker.cancel()
        await #expect(throws: CancellationError.self) { try await maker.value }
        try source.end(0)
        #expect(try await other.value == "call-0")
        #expect(!source.isCancelled(0))
    }

    @Test func theLastCancelledCallerCancelsTheListingAndTheNextStartsAnew() async throws {
        let shared = shared()
        let callers = (0..<3).map { _ in ask(shared) }
        try await calls(1)
        try await waiters(shared, 3)
        for caller in callers { caller.cancel() }
        for caller in callers { await #expect(throws: CancellationError.self) { try await caller.value } }
        try await eventually { source.isCancelled(0) }
        let next = ask(shared)
        try await calls(2)
        try source.end(1)
        #expect(try await next.value == "call-1")
    }

    @Test func aListingThatNobodyWaitsForAnyMoreNeverBegins() async throws {
        let shared = shared()
        let running = ask(shared)
        try await calls(1)
        let fresh = ask(shared, .fresh)
        try await waiters(shared, 2)
        fresh.cancel()
        await #expect(throws: CancellationError.self) { try await fresh.value }
        try source.end(0)
        #expect(try await running.value == "call-0")
        for _ in 0..<1000 { await Task.yield() }
        #expect(source.count == 1)
        let again = ask(shared, .fresh)
        try await calls(2)
        try source.end(1)
        #expect(try await again.value == "call-1")
    }

    @Test func repositoriesDoNotWaitForEachOtherAndTheOldestAreForgotten() async throws {
        let shared = shared(capacity: 2)
        let names = try ["a", "b", "c"].map(Repository.init)
        let callers = names.map { ask(shared, .recent, $0) }
        try await calls(3)
        for number in 0..<3 { try source.end(number) }
        for caller in callers { _ = try await caller.value }
        // At most two of the three are kept.
        let again = names.map { ask(shared, .recent, $0) }
        try await calls(4)
        try source.end(3)
        for caller in again { _ = try await caller.value }
        #expect(source.count == 4)
    }

    @Test func theLeastRecentlyUsedIsForgottenFirst() async throws {
        let shared = shared(capacity: 2)
        let names = try ["a", "b", "c"].map(Repository.init)
        for (number, name) in names.prefix(2).enumerated() {
            let caller = ask(shared, .recent, name)
            try await calls(number + 1)
            try source.end(number)
            _ = try await caller.value
        }
        _ = try await shared.listing(of: names[0])
        let third = ask(shared, .recent, names[2])
        try await calls(3)
        try source.end(2)
        _ = try await third.value
        #expect(try await shared.listing(of: names[0]).listing.tags.map(\.name) == ["call-0"])
        #expect(source.count == 3)
        let second = ask(shared, .recent, names[1])
        try await calls(4)
        try source.end(3)
        #expect(try await second.value == "call-3")
    }

    @Test func anAgeOfZeroKeepsNothingAndStillShares() async throws {
        let shared = shared(maxAge: .zero)
        let callers = [ask(shared), ask(shared)]
        try await calls(1)
        try await waiters(shared, 2)
        try source.end(0)
        for caller in callers { #expect(try await caller.value == "call-0") }
        let next = ask(shared)
        try await calls(2)
        try source.end(1)
        #expect(try await next.value == "call-1")
    }
}
