import Builds
import HTTPTransport
import NIOCore
import Synchronization

/// One look at all builds for everybody who looks on, so that many pages cost hardly more than one.
///
/// It asks the builder from the first listener on until the last has left, and turns each change into text once. A listener
/// who does not keep up loses what has piled up, and gets everything as it is instead.
final class BuildFeed: Sendable {
    /// How many events may pile up for a listener.
    static let mostWaiting = 64
    /// The shortest and the longest pause after the builder could not be asked.
    static let pauses: ClosedRange<Duration> = .seconds(1) ... .seconds(15)

    /// What waits for a listener.
    private struct Mailbox {
        var events: [ByteBuffer] = []
        /// Whether the listener gets everything as it is, instead of events.
        var isBehind = true
        let wake: AsyncStream<Void>.Continuation
    }

    private struct State {
        var mailboxes: [Int: Mailbox] = [:]
        var lastNumber = 0
        var task: Task<Void, Never>?
        /// Tells the task of now from one that was cancelled and has not noticed yet.
        var generation = 0
        /// What is shown; `nil` before anything is known.
        var window: BuildWindow?
        /// That the builder cannot be asked, while it is so.
        var trouble: ByteBuffer?

        mutating func deliver(_ events: [ByteBuffer]) {
            guard !events.isEmpty else { return }
            for (number, var mailbox) in mailboxes {
                if !mailbox.isBehind {
                    if mailbox.events.count + events.count > BuildFeed.mostWaiting {
                        mailbox.events = []
                        mailbox.isBehind = true
                    } else {
                        mailbox.events += events
                    }
                    mailboxes[number] = mailbox
                }
                mailbox.wake.yield()
            }
        }

        /// Lets everybody get everything as it is.
        mutating func deliverAll() {
            for (number, var mailbox) in mailboxes {
                mailbox.events = []
                mailbox.isBehind = true
                mailboxes[number] = mailbox
                mailbox.wake.yield()
            }
        }
    }

    private let state = Mutex(State())
    private let snapshots: @Sendable () -> AsyncThrowingStream<[Build], any Error>
    private let clock: any Clock<Duration>

    init(
        clock: any Clock<Duration> = ContinuousClock(),
        snapshots: @escaping @Sendable () -> AsyncThrowingStream<[Build], any Error>
    ) {
        self.clock = clock
        self.snapshots = snapshots
    }

    /// Whether anybody listens, and the builder is asked therefore.
    var isRunning: Bool { state.withLock { $0.task != nil } }

    /// Somebody who listens, until ``leave()``.
    struct Listener: Sendable {
        /// Yields when there may be something to take, or when ``nudge()`` was called; never more than one at a time.
        let wakes: AsyncStream<Void>
        fileprivate let number: Int
        fileprivate let feed: BuildFeed
        fileprivate let wake: AsyncStream<Void>.Continuation

        /// What has come since the last time, in order; empty for nothing.
        func take() -> ByteBuffer { feed.take(number) }

        /// Lets the listener look.
        func nudge() { wake.yield() }

        /// Ends it.
        func leave() { feed.leave(number) }
    }

    /// Begins to listen.
    func listen() -> Listener {
        let (wakes, wake) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let number = state.withLock { state in
            state.lastNumber += 1
            state.mailboxes[state.lastNumber] = Mailbox(wake: wake)
            if state.task == nil {
                state.generation += 1
                state.task = start(state.generation)
            }
            return state.lastNumber
        }
        wake.yield()
        return Listener(wakes: wakes, number: number, feed: self, wake: wake)
    }

    private func leave(_ number: Int) {
        let (wake, task) = state.withLock { state in
            let wake = state.mailboxes.removeValue(forKey: number)?.wake
            guard state.mailboxes.isEmpty else { return (wake, nil as Task<Void, Never>?) }
            defer {
                state.task = nil
                state.window = nil
                state.trouble = nil
            }
            return (wake, state.task)
        }
        wake?.finish()
        task?.cancel()
    }

    private func take(_ number: Int) -> ByteBuffer {
        let (events, window, trouble) = state.withLock { state in
            guard var mailbox = state.mailboxes[number] else {
                return ([ByteBuffer](), nil as BuildWindow?, nil as ByteBuffer?)
            }
            // Before anything is known there is trouble to tell at most; what comes after trouble is everything.
            guard !mailbox.isBehind || state.window != nil || state.trouble != nil else { return ([], nil, nil) }
            defer { state.mailboxes[number] = mailbox }
            let events = mailbox.events
            mailbox.events = []
            guard mailbox.isBehind else { return (events, nil, nil) }
            mailbox.isBehind = false
            return ([], state.window, state.trouble)
        }
        var text = ByteBuffer()
        if let window { text.writeBytes(window.event) }
        for event in events + [trouble].compactMap(\.self) { text.writeImmutableBuffer(event) }
        return text
    }

    // MARK: Asking

    private func start(_ generation: Int) -> Task<Void, Never> {
        // Unstructured, because it belongs to all listeners, and of none of their requests.
        Correlation.$current.withValue(nil) {
            Task {
                var pause = Self.pauses.lowerBound
                while !Task.isCancelled {
                    do {
                        for try await builds in snapshots() {
                            publish(builds, generation)
                            pause = Self.pauses.lowerBound
                        }
                    } catch is CancellationError where Task.isCancelled {
                        return
                    } catch {
                        publish(trouble: Problem(error).detail, generation)
                    }
                    try? await clock.sleep(for: pause)
                    pause = min(pause * 2, Self.pauses.upperBound)
                }
            }
        }
    }

    private func publish(_ builds: [Build], _ generation: Int) {
        // Only this task changes it, so that it may be looked at before and changed after.
        let (old, wasTrouble) = state.withLock { ($0.window, $0.trouble != nil) }
        let (window, events) = BuildWindow.of(builds, after: old)
        state.withLock { state in
            guard state.generation == generation, state.task != nil else { return }
            state.window = window
            state.trouble = nil
            if old == nil || wasTrouble { state.deliverAll() } else { state.deliver(events) }
        }
    }

    private func publish(trouble message: String, _ generation: Int) {
        let event = serverSentEvent("trouble", ["message": .string(message)])
        state.withLock { state in
            guard state.generation == generation, state.task != nil, state.trouble != event else { return }
            state.trouble = event
            state.deliver([event])
        }
    }
}

/// One event with a document as its data.
///
/// Spec: HTML, "Server-sent events", section 9.2.6.
func serverSentEvent(_ name: String, _ data: JSONValue) -> ByteBuffer {
    ByteBuffer(bytes: Array("event: \(name)\ndata: ".utf8) + data.utf8 + Array("\n\n".utf8))
}

/// A comment, which keeps a stream open through whatever lies between.
let stillHere = ByteBuffer(string: ": still here\n\n")
