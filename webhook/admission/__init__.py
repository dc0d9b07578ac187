"""AdmissionReview: bytes to requests and back, and edits of airlock's own documents."""
