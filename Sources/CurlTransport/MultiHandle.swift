import CLibcurl
import HTTPTransport

/// libcurl's handle of all transfers and of the connections they share.
///
/// Only ``wakeUp()`` may be called off the thread that drives the handle. Sendable, because that one call comes from
/// everywhere; ``CurlLoop`` makes it under the lock under which it also forgets the handle.
struct MultiHandle: @unchecked Sendable {
    private let pointer: OpaquePointer

    init(keptConnections: Int) throws(TransportError) {
        guard let pointer = ccurl_multi_init() else { throw TransportError(.other, "libcurl has no memory left") }
        self.pointer = pointer
        _ = ccurl_multi_set_long(pointer, CURLMOPT_MAXCONNECTS, keptConnections)
        // HTTP/1.1 only: nothing to wait for in the hope of sharing a connection.
        _ = ccurl_multi_set_long(pointer, CURLMOPT_PIPELINING, Int(CURLPIPE_NOTHING))
    }

    func free() { _ = ccurl_multi_cleanup(pointer) }
    func add(_ easy: EasyHandle) -> CURLMcode { ccurl_multi_add(pointer, easy.pointer) }
    func remove(_ easy: EasyHandle) { _ = ccurl_multi_remove(pointer, easy.pointer) }
    func perform() -> CURLMcode { ccurl_multi_perform(pointer) }
    func poll(milliseconds: Int32) -> CURLMcode { ccurl_multi_poll(pointer, milliseconds) }
    func wakeUp() { _ = ccurl_multi_wakeup(pointer) }

    /// The context of the next transfer that came to its end, with its result.
    func nextDone() -> (context: UnsafeMutableRawPointer, result: CURLcode)? {
        var result = CURLE_OK
        while let easy = ccurl_multi_next_done(pointer, &result) {
            if let context = EasyHandle(pointer: easy).context { return (context, result) }
        }
        return nil
    }
}
