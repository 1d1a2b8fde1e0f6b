public import Glibc
import Synchronization

/// Look-ups of names under `stalled.test` that have begun.
let stalledLookups = Atomic<Int>(0)

/// What names lead to: the addresses of each look-up in turn, the last ones for good.
private let answers = Mutex<[String: [[String]]]>([:])

/// A name of its own for a test, whose look-ups have these answers in turn.
func name(answering addresses: [String]...) -> String {
    let name = "name\(UInt64.random(in: 0...(.max))).scripted.test"
    answers.withLock { $0[name] = addresses }
    return name
}

private func nextAnswer(for name: String) -> [String]? {
    answers.withLock { answers in
        guard let answer = answers[name]?.first else { return nil }
        if answers[name, default: []].count > 1 { answers[name]?.removeFirst() }
        return answer
    }
}

/// Takes the place of the C library's function in this program, libcurl's calls included: names under `stalled.test`
/// take a minute and then fail, as with a name server that does not answer; those of ``name(answering:)`` have their
/// answers; all others go the usual way.
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
    let lookUp = unsafeBitCast(original, to: Function.self)
    guard let node, let addresses = nextAnswer(for: String(cString: node)), let result else {
        return lookUp(node, service, hints, result)
    }
    // The C library frees the entries of a list one by one, so lists may be joined.
    result.pointee = nil
    for address in addresses.reversed() {
        var list: UnsafeMutablePointer<addrinfo>?
        let status = lookUp(address, service, hints, &list)
        guard status == 0, var end = list else { return status }
        while let next = end.pointee.ai_next { end = next }
        end.pointee.ai_next = result.pointee
        result.pointee = list
    }
    return 0
}
