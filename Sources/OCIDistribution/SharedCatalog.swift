/// The registry's catalog that many callers share: asked for once, however many ask, and kept for a while.
///
/// That the registry has none, or keeps it to itself, is kept as well; a failure is shared by those who waited for it and
/// never kept.
public actor SharedCatalog {
    /// What the registry says.
    public enum Catalog: Sendable {
        /// All its repositories.
        case repositories([Repository])
        /// That it does not tell, and why.
        case refused(RegistryError)
    }

    private let maxAge: Duration
    private let patience: Duration
    private let clock: any Clock<Duration>
    private let timeline: Timeline
    private let list: @Sendable () async throws -> [Repository]
    private var kept: (catalog: Catalog, began: Duration)?
    private var running: Flight?
    /// Begins after the one that runs, for those who asked while it ran and want to know how it is now.
    private var waiting: Flight?
    private var asked = 0

    private typealias Flight = (number: Int, operation: SharedOperation<Catalog>)

    /// Shares what `list` answers.
    /// - Parameters:
    ///   - maxAge: how old a kept catalog may be, 60 s by default.
    ///   - patience: how long a listing waits for the one before it; 3 s by default.
    ///   - clock: measures ages.
    ///   - list: lists the repositories, ``RegistryClient/repositories()`` as a rule.
    public init(
        maxAge: Duration = .seconds(60), patience: Duration = .seconds(3),
        clock: any Clock<Duration> = ContinuousClock(),
        list: @escaping @Sendable () async throws -> [Repository]
    ) {
        self.maxAge = maxAge
        self.patience = patience
        self.clock = clock
        timeline = Timeline(clock)
        self.list = list
    }

    /// The catalog.
    /// - Parameter anew: Whether one that was asked for before will not do.
    /// - Throws: What the listing throws, and `CancellationError`.
    public func catalog(anew: Bool = false) async throws -> Catalog {
        if !anew, let kept, timeline.now() - kept.began <= maxAge { return kept.catalog }
        if let flight = anew ? waiting : running, let ticket = flight.operation.join() {
            return try await flight.operation.value(for: ticket)
        }
        asked += 1
        let number = asked
        let before = running?.operation.isOver == false ? running?.operation : nil
        let ticket = before?.join()
        let operation = SharedOperation { [clock, patience] in
            if let before, let ticket {
                _ = try? await withDeadline(patience, clock: clock) { try await before.value(for: ticket) }
            }
            return try await self.run(number)
        }
        if before != nil { waiting = (number, operation) } else { running = (number, operation) }
        operation.start()
        return try await operation.value(for: operation.makersTicket)
    }

    private func run(_ number: Int) async throws -> Catalog {
        if let waiting, waiting.number == number { (running, self.waiting) = (waiting, nil) }
        defer { if running?.number == number { running = nil } }
        try Task.checkCancellation()
        let began = timeline.now()
        let catalog: Catalog
        do {
            catalog = .repositories(try await list())
        } catch let error as RegistryError where error.refusesCatalog {
            catalog = .refused(error)
        }
        // Of two that ran side by side the one that began later knows better.
        if kept.map({ $0.began <= began }) ?? true { kept = (catalog, began) }
        return catalog
    }
}
