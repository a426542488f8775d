"""What Google's two `v1internal` services have in common, Code Assist (Gemini CLI) and Antigravity. No provider."""
