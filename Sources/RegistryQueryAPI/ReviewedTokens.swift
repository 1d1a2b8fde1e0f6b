import HTTPTransport
import Logging

/// What the API server said of tokens, kept for a while.
///
/// A token that is asked about by several requests at once is reviewed once. Tokens are kept as hashes only.
actor ReviewedTokens {
    /// How long a token counts that was good, and one that was not.
    static let goodFor: Duration = .seconds(60)
    static let badFor: Duration = .seconds(10)
    /// How many answers are kept.
    static let mostAnswers = 1024
    /// How many reviews there are at a time, and how many more wait for their turn, besides those of tokens that were good
    /// the last time: they wait with no others but each other before them.
    static let mostReviews = 8
    static let mostWaiting = 64

    /// Says that too many tokens wait for a review already.
    struct Busy: Error, CustomStringConvertible {
        let description = "\(ReviewedTokens.mostWaiting) other tokens wait for a review already"
    }

    private struct Answer {
        var caller: Caller?
        var end: Duration
    }

    private let review: @Sendable (_ token: String) async throws -> Caller?
    private let within: Duration
    private let now: @Sendable () -> Duration
    private let logger: Logger
    private var answers: [[UInt8]: Answer] = [:]
    private var reviews: [[UInt8]: Task<Caller?, any Error>] = [:]
    private var free = ReviewedTokens.mostReviews
    private var waiting: [CheckedContinuation<Void, Never>] = []
    private var waitingKnown: [CheckedContinuation<Void, Never>] = []
    private var lastTrouble: String?

    /// - Parameters:
    ///   - within: How long a review may take, with the wait for its turn; 5 s by default.
    ///   - review: Asks whose a token is.
    init<Time: Clock>(
        within: Duration = .seconds(5), logger: Logger, clock: Time,
        review: @escaping @Sendable (_ token: String) async throws -> Caller?
    ) where Time.Duration == Duration {
        let start = clock.now
        self.within = within
        self.logger = logger
        self.now = { start.duration(to: clock.now) }
        self.review = review
    }

    /// Whose token it is; `nil` for nobody's.
    /// - Parameter admit: Called before the review of a token that was not good the last time.
    /// - Throws: What the review throws, ``Busy``, ``DeadlineExceeded``; none of it is kept. What `admit` throws.
    func caller(presenting token: String, admit: @Sendable () throws -> Void = {}) async throws -> Caller? {
        guard let digest = sha256(Array(token.utf8)) else { return nil }
        let answer = answers[digest]
        if let answer, now() < answer.end { return answer.caller }
        if let running = reviews[digest] { return try await running.value }
        let isKnown = answer?.caller != nil
        if !isKnown { try admit() }
        // Unstructured, because it belongs to all who ask meanwhile; it ends by itself within its time.
        let running = Task { try await self.ask(token, isKnown: isKnown) }
        reviews[digest] = running
        defer { reviews[digest] = nil }
        do {
            let caller = try await running.value
            lastTrouble = nil
            keep(caller, for: digest)
            return caller
        } catch {
            report(error)
            throw error
        }
    }

    // MARK: Answers

    private func keep(_ caller: Caller?, for digest: [UInt8]) {
        let now = now()
        if answers.count >= Self.mostAnswers, answers[digest] == nil {
            // Whoever makes tokens up does not drive out those that are good, or were the last time.
            func rank(_ answer: Answer) -> (Int, Duration) { (answer.caller != nil ? 1 : 0, answer.end) }
            if let first = answers.min(by: { rank($0.value) < rank($1.value) }) { answers[first.key] = nil }
        }
        answers[digest] = Answer(caller: caller, end: now + (caller == nil ? Self.badFor : Self.goodFor))
    }

    /// How many answers are kept now.
    var count: Int { answers.count }
    /// How many tokens wait for their turn now.
    var waitingCount: Int { waiting.count + waitingKnown.count }
    /// How many more reviews could begin now.
    var freeCount: Int { free }

    private func report(_ error: any Error) {
        let trouble = error is DeadlineExceeded ? "no answer within \(within)" : redacted("\(error)", limit: 500)
        guard trouble != lastTrouble else { return }
        lastTrouble = trouble
        logger.warning("the API server does not review tokens", metadata: ["error": "\(trouble)"])
    }

    // MARK: Turns

    private func ask(_ token: String, isKnown: Bool) async throws -> Caller? {
        try await withDeadline(within) { [review] in
            try await self.enter(isKnown: isKnown)
            do {
                let caller = try await review(token)
                await self.leave()
                return caller
            } catch {
                await self.leave()
                throw error
            }
        }
    }

    private func enter(isKnown: Bool) async throws {
        if free > 0 {
            free -= 1
        } else if isKnown {
            // Not more than there are answers.
            await withCheckedContinuation { waitingKnown.append($0) }
        } else {
            guard waiting.count < Self.mostWaiting else { throw Busy() }
            await withCheckedContinuation { waiting.append($0) }
        }
        // The time may have run out on the way.
        if Task.isCancelled {
            leave()
            throw CancellationError()
        }
    }

    private func leave() {
        if !waitingKnown.isEmpty {
            waitingKnown.removeFirst().resume()
        } else if !waiting.isEmpty {
            waiting.removeFirst().resume()
        } else {
            free += 1
        }
    }
}
