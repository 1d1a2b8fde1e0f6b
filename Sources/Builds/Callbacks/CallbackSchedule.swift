internal import FoundationEssentials

/// What came of one attempt to call back.
enum CallbackAttempt: Sendable, Equatable {
    /// The receiver has answered.
    case answered(status: Int, retryAfter: Duration? = nil, said: String = "")
    /// There was no answer, or none within its time.
    case unanswered(String)
    /// Nothing was sent, and nothing may be.
    case refused(String)
}

/// When a callback is tried again, and when no more: a pure function of what came of the attempts.
enum CallbackSchedule {
    /// No attempt is made later than this after the first one.
    static let longest: TimeInterval = 24 * 3600
    /// For how long a receiver may answer nothing but 409.
    static let longestConflict: TimeInterval = 30 * 60
    /// The longest wait of its own.
    static let longestWait: TimeInterval = 600
    /// The longest wait after a 409.
    static let longestConflictWait: TimeInterval = 30
    /// The longest wait that a receiver may ask for.
    static let longestRetryAfter: TimeInterval = 3600

    /// The state after an attempt.
    /// - Parameters:
    ///   - now: The end of the attempt.
    ///   - jitter: From 0 to 1, how much of the random part of a wait is added.
    static func next(
        after callback: Callback, _ attempt: CallbackAttempt, at now: Date, jitter: Double
    ) -> Callback {
        var next = callback
        next.nextAttemptAt = nil
        if case .refused(let reason) = attempt {
            next.status = .abandoned
            next.lastAnswer = reason
            return next
        }
        next.attempts += 1
        next.firstAttemptAt = callback.firstAttemptAt ?? now
        next.lastAttemptAt = now
        next.lastAnswer = sentence(attempt)
        let isConflict = attempt.status == 409
        next.conflictSince = isConflict ? callback.conflictSince ?? now : nil
        if let status = attempt.status, (200...299).contains(status) {
            next.status = .delivered
            return next
        }
        var wait = isConflict ? conflictWait(next, now) : wait(after: callback, jitter: jitter)
        if case .answered(_, let asked?, _) = attempt {
            // Beyond the end of the half hour there would be no attempt at all.
            let left = isConflict ? conflictLeft(next, now) : longestRetryAfter
            wait = max(wait, min(asked.interval, longestRetryAfter, left))
        }
        let end = giveUp(next, attempt, at: now.addingTimeInterval(wait))
        next.status = end == nil ? .retrying : .abandoned
        next.nextAttemptAt = end == nil ? now.addingTimeInterval(wait) : nil
        if let end { next.lastAnswer = "\(next.lastAnswer ?? ""); \(end)" }
        return next
    }

    // MARK: Waits

    /// 1, 2, 4 seconds and so on, which is one more than has passed since the first of them.
    private static func conflictWait(_ callback: Callback, _ now: Date) -> TimeInterval {
        min(max(now.timeIntervalSince(callback.conflictSince ?? now), 0) + 1, longestConflictWait)
    }

    /// For how long it may still answer nothing but 409; dates are rounded.
    private static func conflictLeft(_ callback: Callback, _ now: Date) -> TimeInterval {
        longestConflict - now.timeIntervalSince(callback.conflictSince ?? now) - 0.01
    }

    /// Twice the wait before, without what was random in it: that is less than a fifth of a power of two.
    private static func wait(after callback: Callback, jitter: Double) -> TimeInterval {
        var wait: TimeInterval = 1
        if let last = callback.lastAttemptAt, let next = callback.nextAttemptAt {
            // What is stored is rounded.
            while wait <= next.timeIntervalSince(last) + 0.01, wait < longestWait { wait *= 2 }
        }
        return min(wait, longestWait) * (1 + 0.2 * jitter)
    }

    // MARK: The end

    /// Why there is no further attempt; `nil` if there is one.
    private static func giveUp(_ callback: Callback, _ attempt: CallbackAttempt, at time: Date) -> String? {
        switch attempt.status {
        case 401:
            return "pass the resume URL of n8n as it is, with its signature, and check the receiver's authentication"
        case 404: return "give the n8n Wait node the HTTP method POST, or its execution is gone"
        case 410: return "the receiver wants no more calls"
        case 409:
            let since = callback.conflictSince ?? time
            guard time.timeIntervalSince(since) <= longestConflict else {
                return
                    "it has answered nothing but 409 for \(Int(longestConflict / 60)) minutes: the n8n workflow never "
                    + "came to its Wait node, or was resumed already"
            }
        default: break
        }
        guard let first = callback.firstAttemptAt, time.timeIntervalSince(first) > longest else { return nil }
        return "it has failed for \(Int(longest / 3600)) hours"
    }

    private static func sentence(_ attempt: CallbackAttempt) -> String {
        switch attempt {
        case .answered(let status, _, let said):
            let redirect = (300...399).contains(status) ? ", and redirects are not followed" : ""
            return "answered \(status)\(redirect)\(said.isEmpty ? "" : ": \(said)")"
        case .unanswered(let reason), .refused(let reason): return reason
        }
    }
}

extension CallbackAttempt {
    fileprivate var status: Int? {
        guard case .answered(let status, _, _) = self else { return nil }
        return status
    }
}

extension Duration {
    /// The seconds.
    fileprivate var interval: TimeInterval {
        Double(components.seconds) + Double(components.attoseconds) / 1_000_000_000_000_000_000
    }
}
