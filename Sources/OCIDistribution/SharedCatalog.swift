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
    private let timeline: Timeline
    private let list: @Sendable () async throws -> [Repository]
    private var kept: (catalog: Catalog, began: Duration)?
    private var running: (number: Int, operation: SharedOperation<Catalog>)?
    private var asked = 0

    /// Shares what `list` answers.
    /// - Parameters:
    ///   - maxAge: how old a kept catalog may be, 60 s by default.
    ///   - clock: measures ages.
    ///   - list: lists the repositories, ``RegistryClient/repositories()`` as a rule.
    public init(
        maxAge: Duration = .seconds(60), clock: any Clock<Duration> = ContinuousClock(),
        list: @escaping @Sendable () async throws -> [Repository]
    ) {
        self.maxAge = maxAge
        timeline = Timeline(clock)
        self.list = list
    }

    /// The catalog.
    /// - Parameter anew: Whether one that was asked for before will not do.
    /// - Throws: What the listing throws, and `CancellationError`.
    public func catalog(anew: Bool = false) async throws -> Catalog {
        if !anew, let kept, timeline.now() - kept.began <= maxAge { return kept.catalog }
        if !anew, let running, let ticket = running.operation.join() {
            return try await running.operation.value(for: ticket)
        }
        asked += 1
        let number = asked
        let began = timeline.now()
        let operation = SharedOperation { [list] in
            do {
                let catalog: Catalog
                do {
                    catalog = .repositories(try await list())
                } catch let error as RegistryError where error.refusesCatalog {
                    catalog = .refused(error)
                }
                await self.end(number, (catalog, began))
                return catalog
            } catch {
                await self.end(number, nil)
                throw error
            }
        }
        running = (number, operation)
        operation.start()
        return try await operation.value(for: operation.makersTicket)
    }

    private func end(_ number: Int, _ result: (catalog: Catalog, began: Duration)?) {
        if running?.number == number { running = nil }
        // Of two that ran side by side the one that began later knows better.
        if let result, kept.map({ $0.began <= result.began }) ?? true { kept = result }
    }
}
