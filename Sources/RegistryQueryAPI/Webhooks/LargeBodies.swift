import HTTPTypes

/// Lets a few large bodies at a time be read; the others wait, and beyond a few they are turned away.
///
/// It is for bodies that are there, and whose signature is right: nobody else takes a place.
actor LargeBodies {
    /// Bodies up to so many bytes are read at once.
    static let small = 256 << 10
    /// How many are read at a time.
    static let width = 2
    /// How many wait at most.
    static let longestLine = 16

    private var free = width
    private var line: [(number: Int, continuation: CheckedContinuation<Void, any Error>)] = []
    private var lastNumber = 0

    /// How many wait.
    var waiting: Int { line.count }

    /// Runs `read` once there is a place.
    nonisolated func withPlace<Value: Sendable>(
        forBytes count: Int, _ read: @Sendable () async throws -> Value
    ) async throws -> Value {
        if count <= Self.small { return try await read() }
        try await enter()
        do {
            let value = try await read()
            await leave()
            return value
        } catch {
            await leave()
            throw error
        }
    }

    private func enter() async throws {
        if free > 0 {
            free -= 1
            return
        }
        guard line.count < Self.longestLine else {
            throw Problem(
                .buildsNotStarted,
                "\(Self.longestLine) other large payloads are waiting to be read; redeliver the webhook later",
                headers: [.retryAfter: "10"]
            ).closingConnection
        }
        lastNumber += 1
        let number = lastNumber
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                if Task.isCancelled {
                    continuation.resume(throwing: CancellationError())
                } else {
                    line.append((number, continuation))
                }
            }
        } onCancel: {
            // The handler cannot wait for the actor, so the place in the line is given up a moment later.
            Task { await self.giveUp(number) }
        }
    }

    private func giveUp(_ number: Int) {
        guard let index = line.firstIndex(where: { $0.number == number }) else { return }
        line.remove(at: index).continuation.resume(throwing: CancellationError())
    }

    /// The place goes to whoever has waited longest.
    private func leave() {
        if line.isEmpty {
            free += 1
        } else {
            line.removeFirst().continuation.resume()
        }
    }
}
