public import Glibc
import Synchronization

/// Look-ups of names under `stalled.test` that have begun.
let stalledLookups = Atomic<Int>(0)

/// Takes the place of the C library's function in this program, libcurl's calls included: names under `stalled.test`
/// take a minute and then fail, as with a name server that does not answer; all others go the usual way.
@_cdecl("getaddrinfo")
public func stallingGetaddrinfo(
    _ node: UnsafePointer<CChar>?, _ service: UnsafePointer<CChar>?, _ hints: UnsafePointer<addrinfo>?,
    _ result: UnsafeMutablePointer<UnsafeMutablePointer<addrinfo>?>?
) -> Int32 {
    if let node, String(cString: node).hasSuffix(".stalled.test") {
        stalledLookups.add(1, ordering: .relaxed)
        sleep(60)
        return EAI_AGAIN
    }
    typealias Function =
        @convention(c) (
            UnsafePointer<CChar>?, UnsafePointer<CChar>?, UnsafePointer<addrinfo>?,
            UnsafeMutablePointer<UnsafeMutablePointer<addrinfo>?>?
        ) -> Int32
    // RTLD_NEXT: the function of that name behind this one.
    guard let original = dlsym(UnsafeMutableRawPointer(bitPattern: -1), "getaddrinfo") else { return EAI_SYSTEM }
    return unsafeBitCast(original, to: Function.self)(node, service, hints, result)
}
