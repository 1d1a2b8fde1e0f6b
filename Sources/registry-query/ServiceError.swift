/// Why a running service did not do what it was asked.
struct ServiceError: Error, CustomStringConvertible {
    /// The service's own message, or what it did instead of answering.
    var description: String
    /// The stable code of the service, if it sent one.
    var code: String?
    /// Whether something is wrong with what was asked, and so with the call of this program.
    var isUsage = false
    /// Whether a later attempt may succeed.
    var isTransient = false

    init(_ description: String) { self.description = description }
}
