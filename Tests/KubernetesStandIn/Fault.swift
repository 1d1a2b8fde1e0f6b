/// Something that goes wrong between the client and the API server.
public enum Fault: Sendable {
    /// Nothing is done; the answer is a Status like this, or, with a `retryAfter`, one that asks to come back later.
    case status(Int, reason: String, message: String, retryAfter: Int? = nil)
    /// Nothing is done; the answer is what the API server's priority and fairness says when it is overloaded.
    case overloaded(retryAfter: Int)
    /// Nothing is done; a proxy answers with a page.
    case html(Int)
    /// Everything is done, later.
    case delay(Duration)
    /// Nothing is done; the connection breaks without an answer.
    case dropRequest
    /// Everything is done; the connection breaks without an answer.
    case dropAnswer
    /// Everything is done; the connection breaks after so many bytes of the body.
    case dropBody(afterBytes: Int)
    /// Everything is done; so much of the body comes at a time, and after each piece a pause.
    case trickle(bytes: Int, pause: Duration)
}
