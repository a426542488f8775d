"""JSON Schema in the dialects that backends understand: Gemini's two, and back from them."""
