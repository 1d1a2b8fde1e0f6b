internal import HTTPTransport
internal import Synchronization

/// Lets callers that want a version of the same webapp share rounds of ``ReservationAttempt``, one round at a time for each webapp.
///
/// Without it a hundred simultaneous callers would list the tags a hundred times, and all but one of them in vain.
actor Reservations {
    /// The largest number of callers that wait for one webapp; more are turned away.
    static let longestLine = 1000
    /// How many callers one round serves.
    static let largestRound = 64

    private struct Ticket {
        let number: Int
        let request: PreparedRequest
        let deadline: @Sendable () -> Bool
        let continuation: CheckedContinuation<StartOutcome, any Error>
        var rounds = 0
    }

    private let attempt: ReservationAttempt
    private var lines: [WebappName: [Ticket]] = [:]
    private var busy: Set<WebappName> = []
    private var lastNumber = 0

    init(attempt: ReservationAttempt) {
        self.attempt = attempt
    }

    /// Waits for a version.
    /// - Throws: ``BuildsError`` with ``BuildsError/Code/reservationContended`` when it takes longer than `longest`.
    func reserve(_ request: PreparedRequest, within longest: Duration) async throws -> StartOutcome {
        let age = attempt.clock.stopwatch()
        lastNumber += 1
        let number = lastNumber
        let webapp = request.webapp
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let ticket = Ticket(
                    number: number, request: request, deadline: { age() >= longest }, continuation: continuation)
                join(ticket, webapp)
            }
        } onCancel: {
            // The handler cannot wait for the actor, so the ticket is taken out a moment later.
            Task { await self.leave(number, webapp) }
        }
    }

    private func join(_ ticket: Ticket, _ webapp: WebappName) {
        guard lines[webapp, default: []].count < Self.longestLine else {
            ticket.continuation.resume(
                throwing: Self.contended(webapp, "\(Self.longestLine) other callers are waiting"))
            return
        }
        if Task.isCancelled {
            ticket.continuation.resume(throwing: CancellationError())
            return
        }
        lines[webapp, default: []].append(ticket)
        guard busy.insert(webapp).inserted else { return }
        // A round serves many callers, so it must not end with the one that happened to start it.
        Correlation.$current.withValue(nil) { _ = Task { await serve(webapp) } }
    }

    private func leave(_ number: Int, _ webapp: WebappName) {
        guard let index = lines[webapp]?.firstIndex(where: { $0.number == number }) else { return }
        lines[webapp]?.remove(at: index).continuation.resume(throwing: CancellationError())
    }

    private func serve(_ webapp: WebappName) async {
        var conflicts = 0
        while let waiting = lines[webapp], !waiting.isEmpty {
            let round = takeRound(webapp)
            let outcomes = await Correlation.$current.withValue(Self.correlation(of: round)) {
                await attempt(round.map(\.request))
            }
            var left: [Ticket] = []
            for (ticket, outcome) in zip(round, outcomes) {
                switch outcome {
                case .settled(let answer): ticket.continuation.resume(returning: answer)
                case .refused(let error): ticket.continuation.resume(throwing: error)
                case .again: left.append(ticket)
                }
            }
            guard !left.isEmpty else {
                conflicts = 0
                continue
            }
            // Those who came first stay first.
            lines[webapp, default: []].insert(contentsOf: left, at: 0)
            conflicts += 1
            try? await attempt.clock.sleep(for: Self.pause(after: conflicts))
        }
        lines[webapp] = nil
        busy.remove(webapp)
    }

    /// What a round works for: a request if it is the only one, else the first one's trace.
    private static func correlation(of round: [Ticket]) -> Correlation? {
        var correlation = round.first?.request.correlation
        if round.count > 1 { correlation?.requestID = nil }
        return correlation
    }

    /// Those whose time is up are told so; of the others the first are taken.
    private func takeRound(_ webapp: WebappName) -> [Ticket] {
        var round: [Ticket] = []
        var rest: [Ticket] = []
        for var ticket in lines[webapp] ?? [] {
            if ticket.deadline() {
                ticket.continuation.resume(
                    throwing: Self.contended(
                        webapp, "other callers were faster in \(ticket.rounds) rounds; nothing was reserved"))
            } else if round.count < Self.largestRound {
                ticket.rounds += 1
                round.append(ticket)
            } else {
                rest.append(ticket)
            }
        }
        lines[webapp] = rest
        return round
    }

    /// Grows with the conflicts in a row, and is random so that replicas do not keep step.
    private static func pause(after conflicts: Int) -> Duration {
        .milliseconds(Int.random(in: 0...min(10 << min(conflicts, 6), 500)))
    }

    private static func contended(_ webapp: WebappName, _ reason: String) -> BuildsError {
        BuildsError(.reservationContended, "no version of \(webapp) could be reserved in time: \(reason); try again")
    }
}
