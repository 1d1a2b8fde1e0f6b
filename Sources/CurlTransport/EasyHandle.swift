import CLibcurl
import HTTPTransport

/// libcurl's handle of one transfer: its options on the way in, what libcurl knows of it on the way out.
struct EasyHandle {
    let pointer: OpaquePointer

    /// Must not be called while a multi handle has this one.
    func free() { ccurl_easy_cleanup(pointer) }

    func set(_ option: CURLoption, _ value: Int) throws(TransportError) {
        try check(ccurl_easy_set_long(pointer, option, value), option)
    }

    func set(_ option: CURLoption, _ value: Bool) throws(TransportError) { try set(option, value ? 1 : 0) }

    func set(_ option: CURLoption, _ value: String?) throws(TransportError) {
        try check(ccurl_easy_set_string(pointer, option, value), option)
    }

    func set(_ option: CURLoption, blob: [UInt8]) throws(TransportError) {
        try check(blob.withUnsafeBytes { ccurl_easy_set_blob(pointer, option, $0.baseAddress, $0.count) }, option)
    }

    /// The memory must outlive the handle.
    func set(_ option: CURLoption, pointer value: UnsafeMutableRawPointer) throws(TransportError) {
        try check(ccurl_easy_set_pointer(pointer, option, value), option)
    }

    /// The list must outlive the handle.
    func set(_ option: CURLoption, list: UnsafeMutablePointer<curl_slist>?) throws(TransportError) {
        try check(ccurl_easy_set_list(pointer, option, list), option)
    }

    func set(body: [UInt8]) throws(TransportError) {
        let result = body.withUnsafeBytes { ccurl_easy_set_body(pointer, $0.baseAddress, $0.count) }
        try check(result, CURLOPT_COPYPOSTFIELDS)
    }

    func set(_ option: CURLoption, _ callback: ccurl_data_callback) throws(TransportError) {
        try check(ccurl_easy_set_data_callback(pointer, option, callback), option)
    }

    func set(prerequest callback: ccurl_prerequest_callback) throws(TransportError) {
        try check(ccurl_easy_set_prerequest_callback(pointer, callback), CURLOPT_PREREQFUNCTION)
    }

    func set(openSocket callback: ccurl_socket_callback) throws(TransportError) {
        try check(ccurl_easy_set_socket_callback(pointer, callback), CURLOPT_OPENSOCKETFUNCTION)
    }

    func integer(_ info: CURLINFO) -> Int {
        var value = 0
        return ccurl_easy_get_long(pointer, info, &value) == CURLE_OK ? value : 0
    }

    func string(_ info: CURLINFO) -> String? {
        var value: UnsafePointer<CChar>?
        guard ccurl_easy_get_string(pointer, info, &value) == CURLE_OK else { return nil }
        return value.map { String(cString: $0) }
    }

    /// What `CURLOPT_PRIVATE` was set to.
    var context: UnsafeMutableRawPointer? {
        var value: UnsafePointer<CChar>?
        guard ccurl_easy_get_string(pointer, CURLINFO_PRIVATE, &value) == CURLE_OK else { return nil }
        return UnsafeMutableRawPointer(mutating: value)
    }

    private func check(_ result: CURLcode, _ option: CURLoption) throws(TransportError) {
        guard result == CURLE_OK else {
            throw TransportError(
                .other,
                "libcurl refuses option \(option.rawValue): \(String(cString: curl_easy_strerror(result)))")
        }
    }
}

extension EasyHandle {
    /// Makes a handle, which ``free()`` gives back.
    init() throws(TransportError) {
        guard let pointer = ccurl_easy_init() else { throw TransportError(.other, "libcurl has no memory left") }
        self.pointer = pointer
    }
}
