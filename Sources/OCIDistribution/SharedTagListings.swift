/// Tag listings that many callers share: one listing at a time per repository, however many ask.
///
/// A failure is shared by those who waited for it and never kept. A caller that is cancelled leaves the others alone;
/// when the last one has left, the listing itself is cancelled.
public actor SharedTagListings {
    /// How new an answer has to be.
    public enum Freshness: Sendable, Hashable {
        /// As old as ``SharedTagListings`` keeps them, or as new as a listing that is under way.
        case recent
        /// From a listing that began after this was asked.
        case fresh
    }

    /// A listing and its age.
    public struct Answer: Sendable {
        /// The tags.
        public var listing: TagListing
        /// The time since the registry was asked, at most: since the listing began.
        public var age: Duration
    }

    private struct Result: Sendable {
        var listing: TagListing
        var began: Duration
    }

    /// A listing that runs or waits for its turn.
    private struct Flight {
        var number: Int
        var operation: SharedOperation<Result>
    }

    private struct Entry {
        var kept: Result?
        var running: Flight?
        /// Whether something has changed since the running listing began, so that its answer is for those who wait
        /// only.
        var isOutdated = false
        var waiting: Flight?
        /// Lets the waiting listing begin when patience is at its end.
        var patience: Task<Void, Never>?
        var lastUse = 0

        var isIdle: Bool { running == nil && waiting == nil }
    }

    /// How old a kept listing may be.
    public nonisolated let maxAge: Duration
    private let capacity: Int
    private let patience: Duration
    private let clock: any Clock<Duration>
    private let timeline: Timeline
    private let list: @Sendable (Repository) async throws -> TagListing
    private var entries: [Repository: Entry] = [:]
    private var uses = 0
    private var flights = 0

    /// Shares what `list` answers.
    ///
    /// - Parameters:
    ///   - maxAge: how old a kept listing may be; zero keeps none.
    ///   - capacity: how many repositories' listings are kept; those not asked for longest are forgotten first.
    ///   - patience: how long a fresh listing waits for one that is under way before it starts beside it. 3 s by
    ///     default: long enough for a listing that works, short enough that one that hangs does not use up the time of
    ///     those after it.
    ///   - clock: measures ages.
    ///   - list: lists the tags of a repository, ``RegistryClient/tags(of:)`` as a rule.
    public init(
        maxAge: Duration, capacity: Int = 256, patience: Duration = .seconds(3),
        clock: any Clock<Duration> = ContinuousClock(),
        list: @escaping @Sendable (Repository) async throws -> TagListing
    ) {
        self.maxAge = maxAge
        self.capacity = capacity
        self.patience = patience
        self.clock = clock
        self.list = list
        timeline = Timeline(clock)
    }

    /// The tags of a repository.
    /// - Throws: what the listing throws, and `CancellationError`.
    public func listing(of repository: Repository, _ freshness: Freshness = .recent) async throws -> Answer {
        if freshness == .recent, let kept = entries[repository]?.kept {
            let age = timeline.now() - kept.began
            if age <= maxAge {
                touch(repository)
                RegistryMetrics.count(.cache)
                return Answer(listing: kept.listing, age: age)
            }
        }
        let (operation, ticket, source) = place(in: repository, freshness)
        touch(repository)
        let result = try await operation.value(for: ticket)
        RegistryMetrics.count(source)
        return Answer(listing: result.listing, age: timeline.now() - result.began)
    }

    /// Forgets what is known of a repository, because it has changed.
    ///
    /// Listings under way still answer those who wait for them, and nobody else.
    public func drop(_ repository: Repository) {
        entries[repository]?.kept = nil
        if entries[repository]?.running != nil { entries[repository]?.isOutdated = true }
        forget(repository)
    }

    // MARK: Who waits for what

    /// How many callers wait now.
    var waiterCount: Int {
        entries.values.flatMap { [$0.running, $0.waiting] }.reduce(0) { $0 + ($1?.operation.waiterCount ?? 0) }
    }

    private func place(
        in repository: Repository, _ freshness: Freshness
    ) -> (SharedOperation<Result>, SharedOperation<Result>.Ticket, RegistryMetrics.Source) {
        let entry = entries[repository, default: Entry()]
        if freshness == .recent, !entry.isOutdated, let flight = entry.running, let ticket = flight.operation.join() {
            return (flight.operation, ticket, .shared)
        }
        if let flight = entry.waiting, let ticket = flight.operation.join() {
            return (flight.operation, ticket, .shared)
        }
        let flight = newFlight(repository)
        if let running = entry.running, !running.operation.isOver {
            wait(flight, repository)
        } else {
            begin(flight, repository)
        }
        return (flight.operation, flight.operation.makersTicket, .registry)
    }

    private func newFlight(_ repository: Repository) -> Flight {
        flights += 1
        let number = flights
        let operation = SharedOperation { [list, timeline] in
            let began = timeline.now()
            do {
                let result = Result(listing: try await list(repository), began: began)
                await self.end(of: number, repository, result)
                return result
            } catch {
                await self.end(of: number, repository, nil)
                throw error
            }
        }
        return Flight(number: number, operation: operation)
    }

    /// Starts a listing; one that is still running goes on for those who wait for it.
    private func begin(_ flight: Flight, _ repository: Repository) {
        var entry = entries[repository, default: Entry()]
        if entry.waiting?.number == flight.number {
            entry.waiting = nil
            entry.patience?.cancel()
        }
        if !flight.operation.isOver {
            entry.running = flight
            entry.isOutdated = false
        }
        entries[repository] = entry
        flight.operation.start()
    }

    private func wait(_ flight: Flight, _ repository: Repository) {
        entries[repository]?.waiting = flight
        // Unstructured: it belongs to the listing, not to the caller that happened to ask first. It ends when the
        // listing begins.
        entries[repository]?.patience = Task { [clock, patience] in
            guard (try? await clock.sleep(for: patience)) != nil else { return }
            self.patienceEnded(flight.number, repository)
        }
    }

    private func patienceEnded(_ number: Int, _ repository: Repository) {
        guard let flight = entries[repository]?.waiting, flight.number == number else { return }
        begin(flight, repository)
    }

    private func end(of number: Int, _ repository: Repository, _ result: Result?) {
        guard var entry = entries[repository], entry.running?.number == number else { return }
        if let result, !entry.isOutdated, maxAge > .zero { entry.kept = result }
        entry.running = nil
        entry.isOutdated = false
        entries[repository] = entry
        if let next = entry.waiting { begin(next, repository) }
        forget(repository)
    }

    // MARK: What is kept

    private func touch(_ repository: Repository) {
        uses += 1
        entries[repository]?.lastUse = uses
        forget(repository)
    }

    /// Forgets a repository of which nothing is known, and the least recently used ones beyond the capacity.
    private func forget(_ repository: Repository) {
        if let entry = entries[repository], entry.isIdle, entry.kept == nil { entries[repository] = nil }
        while entries.count(where: { $0.value.kept != nil }) > capacity,
            let oldest = entries.filter({ $0.value.kept != nil }).min(by: { $0.value.lastUse < $1.value.lastUse })
        {
            entries[oldest.key]?.kept = nil
            if oldest.value.isIdle { entries[oldest.key] = nil }
        }
    }
}
