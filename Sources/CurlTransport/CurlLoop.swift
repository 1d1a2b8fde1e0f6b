import CLibcurl
import Glibc
import HTTPTransport
import Synchronization

/// The thread that drives libcurl, and the inbox through which everybody else talks to it.
///
/// libcurl's handles are only touched on that thread. It is made with the first exchange, and ends, after giving
/// everything back, when it is told to stop. `curl_multi_poll` rather than the socket interface: the latter needs
/// every descriptor to be unregistered before libcurl closes it, for a gain that tens of connections do not show.
final class CurlLoop: Sendable {
    enum Command: Sendable {
        case start(Exchange, ConnectionGate.Permit)
        case resume(Exchange)
        case cancel(Exchange)
        case abandon(Exchange)
    }

    private enum Phase {
        case new
        case running(MultiHandle)
        case stopping
        case ended
    }

    private struct State {
        var phase = Phase.new
        var commands: [Command] = []
        /// Taken by whoever joins or detaches it.
        var thread: Thread?
        var endWaiters: [CheckedContinuation<Void, Never>] = []
    }

    /// A handle that only travels, from the one who makes the thread to the one who joins it.
    private struct Thread: @unchecked Sendable { var id = pthread_t() }

    /// What the thread needs to know from outside; tests put their own parts in.
    struct Settings: Sendable {
        var userAgent = "registry-query"
        var keptConnections = 128
        /// How long the rest of a small body that nobody wants is read, for the sake of its connection.
        var longestDrain = Duration.seconds(1)
        /// See ``CurlTransport/Configuration/proxies``.
        var proxies = CurlTransport.Proxies.allRequests
        /// See ``CurlTransport/Configuration/refusesAddress``.
        var refusesAddress: (@Sendable (IPAddress) -> Bool)?
        /// Where the system's authorities are; asked on the thread, with the first use of TLS.
        var systemTrust: @Sendable () -> SystemTrust = { Libcurl.systemTrust }
        /// One round of libcurl's work.
        var perform: @Sendable (MultiHandle) -> CURLMcode = { $0.perform() }
    }

    let gate: ConnectionGate
    let settings: Settings
    /// Transfers that libcurl has at the moment.
    let transferCount = Atomic<Int>(0)
    /// How often libcurl's state was beyond repair and made anew.
    let rebuildCount = Atomic<Int>(0)
    private let state = Locked(State())

    init(gate: ConnectionGate, settings: Settings) {
        self.gate = gate
        self.settings = settings
    }

    // MARK: For everybody

    /// Makes the thread, unless it exists already.
    func startIfNeeded() throws(TransportError) {
        try state.withLock { state throws(TransportError) in
            guard case .new = state.phase else { return }
            try Libcurl.prepare()
            let multi = try MultiHandle(keptConnections: settings.keptConnections)
            let worker = Unmanaged.passRetained(CurlWorker(self, multi))
            var thread = Thread()
            guard startThread(&thread.id, worker) else {
                worker.release()
                multi.free()
                throw TransportError(.other, "no thread for outgoing requests could be made")
            }
            state.thread = thread
            state.phase = .running(multi)
        }
    }

    /// Puts a command into the inbox; answers whether it will be looked at.
    @discardableResult
    func send(_ command: Command) -> Bool {
        state.withLock { state in
            guard case .running(let multi) = state.phase else { return false }
            state.commands.append(command)
            // The first command wakes the thread for all that follow. Under the lock, so that the handle still exists.
            if state.commands.count == 1 { multi.wakeUp() }
            return true
        }
    }

    /// Tells the thread to fail what is in flight and to end.
    ///
    /// From now on nobody else touches libcurl's handle.
    func stop() {
        state.withLock { state in
            switch state.phase {
            case .new: state.phase = .ended
            case .running(let multi):
                state.phase = .stopping
                multi.wakeUp()
            case .stopping, .ended: break
            }
        }
    }

    /// Stops the thread and waits for its end.
    func stopAndJoin() async {
        stop()
        await withCheckedContinuation { continuation in
            let hasEnded = state.withLock { state in
                if case .ended = state.phase { return true }
                state.endWaiters.append(continuation)
                return false
            }
            if hasEnded { continuation.resume() }
        }
        // The thread has nothing left to do but to return.
        if let thread = takeThread() { pthread_join(thread.id, nil) }
    }

    /// Stops the thread, which then ends on its own.
    func stopAndDetach() {
        stop()
        if let thread = takeThread() { pthread_detach(thread.id) }
    }

    private func takeThread() -> Thread? {
        state.withLock { state in
            defer { state.thread = nil }
            return state.thread
        }
    }

    private func startThread(_ id: inout pthread_t, _ worker: Unmanaged<CurlWorker>) -> Bool {
        pthread_create(
            &id, nil,
            { context in
                guard let context else { return nil }
                Unmanaged<CurlWorker>.fromOpaque(context).takeRetainedValue().run()
                return nil
            }, worker.toOpaque()) == 0
    }

    // MARK: For the thread

    /// What is in the inbox; `nil` when the thread is to end.
    func takeCommands() -> [Command]? {
        state.withLock { state in
            guard case .running = state.phase else { return nil }
            defer { state.commands = [] }
            return state.commands
        }
    }

    /// Whether a command came, or the order to stop.
    ///
    /// Asked before every poll: libcurl 8.21.0 loses wake-ups.
    var hasNews: Bool {
        state.withLock { state in
            guard case .running = state.phase else { return true }
            return !state.commands.isEmpty
        }
    }

    /// From now on it is another handle that has to be woken.
    func replace(with multi: MultiHandle) {
        state.withLock { state in
            if case .running = state.phase { state.phase = .running(multi) }
        }
    }

    /// What is left in the inbox after the order to stop.
    func takeLeftovers() -> [Command] {
        state.withLock { state in
            defer { state.commands = [] }
            return state.commands
        }
    }

    /// The thread has given back everything.
    func ended() {
        let waiters = state.withLock { state in
            state.phase = .ended
            defer { state.endWaiters = [] }
            return state.endWaiters
        }
        for waiter in waiters { waiter.resume() }
    }
}
