import CLibcurl
import Glibc
import HTTPTransport
import Synchronization

/// What the thread of a ``CurlLoop`` does: it alone has libcurl's handles.
final class CurlWorker {
    private let loop: CurlLoop
    private var multi: MultiHandle
    private var transfers: [ObjectIdentifier: Transfer] = [:]

    /// libcurl 8.21.0 may lose a wake-up; then a command waits for this long, and not for ever.
    private static let longestPoll = Duration.seconds(1)

    init(_ loop: CurlLoop, _ multi: MultiHandle) {
        self.loop = loop
        self.multi = multi
    }

    func run() {
        prepareThread()
        while let commands = loop.takeCommands() {
            for command in commands { execute(command) }
            guard check(loop.settings.perform(multi)) else { continue }
            finishDone()
            let wait = expire(now: .now)
            guard !loop.hasNews else { continue }
            _ = check(multi.poll(milliseconds: wait))
        }
        end()
    }

    private func prepareThread() {
        // libcurl is told not to touch signals, so writing to a connection that was reset must not end the process.
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGPIPE)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
    }

    // MARK: Commands

    private func execute(_ command: CurlLoop.Command) {
        switch command {
        case .start(let exchange, let permit): start(exchange, permit)
        case .resume(let exchange):
            guard let transfer = transfers[ObjectIdentifier(exchange)] else { return }
            if transfer.resume(now: .now) { finish(transfer, transfer.failure) }
        case .cancel(let exchange):
            guard let transfer = transfers[ObjectIdentifier(exchange)] else { return }
            finish(transfer, nil)
        case .abandon(let exchange):
            guard let transfer = transfers[ObjectIdentifier(exchange)] else { return }
            let now = ContinuousClock.now
            if !transfer.drain(now: now) || transfer.resume(now: now) { finish(transfer, nil) }
        }
    }

    private func start(_ exchange: Exchange, _ permit: ConnectionGate.Permit) {
        guard !exchange.isOver else { return permit.release() }
        do throws(TransportError) {
            let transfer = try Transfer(exchange, permit, loop.settings, now: .now)
            let result = multi.add(transfer.easy)
            guard result == CURLM_OK else {
                throw TransportError(
                    .other, "libcurl does not take it: \(String(cString: curl_multi_strerror(result)))")
            }
            transfers[ObjectIdentifier(exchange)] = transfer
            loop.transferCount.store(transfers.count, ordering: .relaxed)
        } catch {
            permit.release()
            exchange.finish(TransportError(error.code, "\(exchange.summary): \(error.description)"))
        }
    }

    // MARK: Ends

    private func finishDone() {
        while let (context, result) = multi.nextDone() {
            let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
            finish(transfer, transfer.error(for: result))
        }
    }

    /// Ends the transfers that have passed a limit; answers for how many milliseconds none will.
    private func expire(now: ContinuousClock.Instant) -> Int32 {
        loop.gate.expire(now: now)
        var next = now + Self.longestPoll
        for transfer in transfers.values {
            guard let deadline = transfer.deadline else { continue }
            if deadline <= now, let error = transfer.expiry(now: now) {
                finish(transfer, error)
            } else {
                next = min(next, deadline)
            }
        }
        let (seconds, attoseconds) = now.duration(to: next).components
        // Rounded up, lest the last millisecond be spent in circles.
        return Int32(seconds * 1000 + attoseconds / 1_000_000_000_000_000 + 1)
    }

    /// Takes a transfer from libcurl, which frees or keeps its connection, and only then tells the one who waits.
    private func finish(_ transfer: Transfer, _ error: TransportError?) {
        multi.remove(transfer.easy)
        transfers[ObjectIdentifier(transfer.exchange)] = nil
        loop.transferCount.store(transfers.count, ordering: .relaxed)
        transfer.releasePermit()
        transfer.exchange.finish(error)
    }

    private func finishAll(_ error: (Exchange) -> TransportError) {
        for transfer in transfers.values { finish(transfer, error(transfer.exchange)) }
    }

    // MARK: Trouble and the end

    /// Whether libcurl is well.
    ///
    /// When not, what is in flight fails and the handle is made anew: the service goes on.
    private func check(_ result: CURLMcode) -> Bool {
        guard result != CURLM_OK else { return true }
        let reason = String(cString: curl_multi_strerror(result))
        finishAll { TransportError(.connectionLost, "\($0.summary): libcurl failed (\(reason)) and was started anew") }
        loop.rebuildCount.add(1, ordering: .relaxed)
        // A failure that stays must not keep the processor busy.
        usleep(20_000)
        guard let fresh = try? MultiHandle(keptConnections: loop.settings.keptConnections) else {
            loop.stop()
            return false
        }
        loop.replace(with: fresh)
        multi.free()
        multi = fresh
        return false
    }

    private func end() {
        for case .start(let exchange, let permit) in loop.takeLeftovers() {
            permit.release()
            exchange.finish(.shutDown(exchange.summary))
        }
        finishAll { .shutDown($0.summary) }
        multi.free()
        loop.ended()
    }
}
